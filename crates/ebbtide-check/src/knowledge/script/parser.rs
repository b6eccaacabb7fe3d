use super::lexer::{Lexeme, Token, Tokens, tokens};
use super::tree::{Assignment, Separator, Simple};

/// The nesting that is read. Real scripts stay far below.
const MAX_DEPTH: usize = 40;

/// A pipeline of commands, and what follows it.
#[derive(Debug)]
pub(crate) struct Item {
    pub(super) pipeline: Vec<Node>,
    pub(super) separator: Separator,
    /// Whether it is the last one of its line, so that a shell runs it before it reads on.
    pub(super) ends_line: bool,
}

/// A command.
#[derive(Debug)]
pub(super) enum Node {
    Simple(Simple),
    /// `if` and `case`: one of the bodies runs, or none if no condition holds.
    Branches {
        conditions: Vec<Vec<Item>>,
        bodies: Vec<Vec<Item>>,
        choice: Choice,
    },
    Loop {
        condition: Vec<Item>,
        body: Vec<Item>,
    },
    Group(Vec<Item>),
    Subshell(Vec<Item>),
    Function {
        name: String,
        body: Vec<Item>,
    },
}

/// What decides which body runs.
#[derive(Debug)]
pub(super) enum Choice {
    Conditions,
    /// A word is compared with the patterns of each body.
    Patterns {
        word: String,
        patterns: Vec<Vec<String>>,
    },
}

/// A script as it is nested.
pub(super) struct Parsed {
    pub(super) body: Vec<Item>,
    pub(super) assignments: Vec<Assignment>,
    /// Whether everything that is opened is closed.
    pub(super) is_closed: bool,
    /// The offset after its last token.
    pub(super) end: usize,
    pub(super) has_documents: bool,
}

pub(super) fn parse(text: &str) -> Parsed {
    let Tokens { all, end, has_documents } = tokens(text);
    let mut parser = Parser { tokens: all, at: 0, depth: 0, assignments: Vec::new(), is_closed: true };
    let mut body = parser.list(&[]);
    while parser.at < parser.tokens.len() {
        // A closing word without an opening one.
        parser.is_closed = false;
        parser.at = parser.at.saturating_add(1);
        body.append(&mut parser.list(&[]));
    }
    Parsed { body, assignments: parser.assignments, is_closed: parser.is_closed, end, has_documents }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    assignments: Vec<Assignment>,
    is_closed: bool,
}

/// Words that end a list.
const CLOSING: [&str; 8] = ["then", "elif", "else", "fi", "do", "done", "esac", "}"];

impl Parser {
    /// Reads commands up to a closing word, the end of an arm, a closing parenthesis, or the end.
    fn list(&mut self, expected: &[&str]) -> Vec<Item> {
        let mut items = Vec::new();
        loop {
            self.eat_ends();
            match self.peek() {
                None => {
                    self.is_closed &= expected.is_empty();
                    return items;
                }
                Some(Token::Close | Token::ArmEnd) => return items,
                Some(Token::Word(word)) if word.is_plain && CLOSING.contains(&&*word.text) => return items,
                Some(_) => items.push(self.item()),
            }
        }
    }

    fn item(&mut self) -> Item {
        let mut pipeline = vec![self.command()];
        while self.eat(&Token::Pipe) {
            self.eat_ends();
            pipeline.push(self.command());
        }
        let separator = match self.peek() {
            Some(Token::And) => Separator::And,
            Some(Token::Or) => Separator::Or,
            Some(Token::Background) => Separator::Background,
            Some(Token::End | Token::LineEnd) => Separator::Sequence,
            _ => return Item { pipeline, separator: Separator::Sequence, ends_line: false },
        };
        let is_line_end = self.peek() == Some(&Token::LineEnd);
        self.skip();
        // After `&&` the list goes on in the next line.
        let may_end = matches!(separator, Separator::Sequence | Separator::Background);
        let ends_line = may_end && (is_line_end || self.eat(&Token::LineEnd));
        Item { pipeline, separator, ends_line }
    }

    fn command(&mut self) -> Node {
        self.depth = self.depth.saturating_add(1);
        let node = if self.depth > MAX_DEPTH {
            self.is_closed = false;
            self.at = self.tokens.len();
            Node::Simple(Simple::default())
        } else {
            self.any_command()
        };
        self.depth = self.depth.saturating_sub(1);
        node
    }

    fn any_command(&mut self) -> Node {
        let mut is_modified = false;
        while self.word("!") || self.word("time") {
            is_modified = true;
        }
        let node = if self.word("if") {
            self.branches()
        } else if self.word("while") || self.word("until") {
            let condition = self.list(&["do"]);
            self.expect("do");
            Node::Loop { condition, body: self.until("done") }
        } else if self.word("for") || self.word("select") {
            while !self.is_word("do") && self.peek().is_some() {
                self.skip();
            }
            self.expect("do");
            Node::Loop { condition: Vec::new(), body: self.until("done") }
        } else if self.word("case") {
            self.case()
        } else if self.word("{") {
            Node::Group(self.until("}"))
        } else if self.eat(&Token::Open) {
            let body = self.list(&[")"]);
            self.is_closed &= self.eat(&Token::Close);
            Node::Subshell(body)
        } else if self.word("function") {
            let name = self.any_word().map(|word| word.text).unwrap_or_default();
            if self.eat(&Token::Open) {
                self.eat(&Token::Close);
            }
            self.function(name)
        } else if let Some(name) = self.function_name() {
            self.function(name)
        } else {
            return Node::Simple(Simple { is_modified, ..self.simple() });
        };
        while self.eat(&Token::Redirection) {}
        node
    }

    fn branches(&mut self) -> Node {
        let (mut conditions, mut bodies) = (Vec::new(), Vec::new());
        loop {
            conditions.push(self.list(&["then"]));
            self.expect("then");
            bodies.push(self.list(&["fi"]));
            if !self.word("elif") {
                break;
            }
        }
        if self.word("else") {
            bodies.push(self.list(&["fi"]));
        }
        self.expect("fi");
        Node::Branches { conditions, bodies, choice: Choice::Conditions }
    }

    fn case(&mut self) -> Node {
        let word = self.any_word().map(|word| word.text).unwrap_or_default();
        self.eat_ends();
        self.expect("in");
        let (mut patterns, mut bodies) = (Vec::new(), Vec::new());
        loop {
            self.eat_ends();
            if self.is_word("esac") || self.peek().is_none() {
                break;
            }
            self.eat(&Token::Open);
            let mut own = Vec::new();
            while let Some(token) = self.peek().filter(|token| **token != Token::Close) {
                if let Token::Word(word) = token {
                    own.push(word.text.clone());
                }
                self.skip();
            }
            self.skip();
            patterns.push(own);
            bodies.push(self.list(&["esac"]));
            self.eat(&Token::ArmEnd);
        }
        self.expect("esac");
        Node::Branches { conditions: Vec::new(), bodies, choice: Choice::Patterns { word, patterns } }
    }

    fn function_name(&mut self) -> Option<String> {
        let after = |by: usize| self.tokens.get(self.at.saturating_add(by));
        let (Some(Token::Word(name)), Some(Token::Open), Some(Token::Close)) = (after(0), after(1), after(2))
        else {
            return None;
        };
        let name = name.text.clone();
        self.at = self.at.saturating_add(3);
        Some(name)
    }

    fn function(&mut self, name: String) -> Node {
        self.eat_ends();
        let body =
            vec![Item { pipeline: vec![self.command()], separator: Separator::Sequence, ends_line: false }];
        Node::Function { name, body }
    }

    fn simple(&mut self) -> Simple {
        let mut simple = Simple::default();
        let mut is_condition = false;
        loop {
            match self.peek() {
                Some(Token::Word(word)) => {
                    let own = assignment(&word.text, word.start).filter(|_| simple.words.is_empty());
                    if own.is_some() {
                        self.assignments.extend(own);
                        self.skip();
                        continue;
                    }
                    if simple.words.is_empty() {
                        simple.range.0 = word.start;
                        is_condition = word.text == "[[";
                    }
                    simple.range.1 = word.end;
                    is_condition &= word.text != "]]";
                    simple.words.push(word.text.clone());
                }
                Some(Token::Redirection) => simple.redirects = true,
                Some(token) if is_condition => simple.words.extend(token.sign().map(str::to_owned)),
                // A parenthesis in the middle of a command is none of POSIX; what it means is not known.
                Some(Token::Open) => self.is_closed = false,
                _ => return simple,
            }
            self.skip();
        }
    }

    /// Reads commands up to a closing word and that word.
    fn until(&mut self, closing: &str) -> Vec<Item> {
        let body = self.list(&[closing]);
        self.expect(closing);
        body
    }

    fn expect(&mut self, keyword: &str) {
        self.is_closed &= self.word(keyword);
    }

    fn is_word(&self, keyword: &str) -> bool {
        matches!(self.peek(), Some(Token::Word(word)) if word.is_plain && word.text == keyword)
    }

    fn word(&mut self, keyword: &str) -> bool {
        let is_there = self.is_word(keyword);
        if is_there {
            self.skip();
        }
        is_there
    }

    fn any_word(&mut self) -> Option<Lexeme> {
        let Some(Token::Word(word)) = self.peek() else { return None };
        let word = word.clone();
        self.skip();
        Some(word)
    }

    fn eat(&mut self, token: &Token) -> bool {
        let is_there = self.peek() == Some(token);
        if is_there {
            self.skip();
        }
        is_there
    }

    /// Skips semicolons and line ends.
    fn eat_ends(&mut self) {
        while self.eat(&Token::End) || self.eat(&Token::LineEnd) {}
    }

    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn skip(&mut self) {
        self.at = self.at.saturating_add(1);
    }
}

/// Returns the assignment that a word is.
pub(super) fn assignment(text: &str, at: usize) -> Option<Assignment> {
    let (name, value) = text.split_once('=')?;
    let name = name.strip_suffix('+').unwrap_or(name);
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let is_named = !name.is_empty() && name.chars().all(is_name);
    is_named.then(|| Assignment { name: name.to_owned(), value: value.to_owned(), at })
}
