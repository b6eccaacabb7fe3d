use std::iter::Peekable;
use std::str::CharIndices;

/// A part of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Lexeme),
    /// A redirection with its target.
    Redirection,
    And,
    Or,
    Pipe,
    Background,
    /// A semicolon.
    End,
    LineEnd,
    /// The end of an arm of `case`.
    ArmEnd,
    Open,
    Close,
}

impl Token {
    /// Returns how a sign between the parts of a condition is written.
    pub(super) fn sign(&self) -> Option<&'static str> {
        match self {
            Self::And => Some("&&"),
            Self::Or => Some("||"),
            Self::Open => Some("("),
            Self::Close => Some(")"),
            _ => None,
        }
    }
}

/// A word without quotes, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lexeme {
    pub(super) text: String,
    /// Whether it has no quotes and may be a keyword.
    pub(super) is_plain: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The tokens of a script.
pub(super) struct Tokens {
    pub(super) all: Vec<Token>,
    /// The offset after the last token that is no line end.
    pub(super) end: usize,
    pub(super) has_documents: bool,
}

/// Splits a script into tokens. Any text is read to its end.
pub(super) fn tokens(text: &str) -> Tokens {
    let mut lexer = Lexer {
        letters: text.char_indices().peekable(),
        length: text.len(),
        tokens: Tokens { all: Vec::new(), end: 0, has_documents: false },
        word: None,
        documents: Vec::new(),
    };
    lexer.read();
    lexer.tokens
}

struct Lexer<'t> {
    letters: Peekable<CharIndices<'t>>,
    length: usize,
    tokens: Tokens,
    word: Option<Lexeme>,
    /// The ends of the here documents that begin at the next line.
    documents: Vec<String>,
}

impl Lexer<'_> {
    fn read(&mut self) {
        while let Some((at, letter)) = self.letters.next() {
            match letter {
                '&' if self.peek() != Some('>') => match self.next_if(&['&']) {
                    Some(_) => self.push(Token::And),
                    None => self.push(Token::Background),
                },
                '|' => match self.next_if(&['|', '&']) {
                    Some('|') => self.push(Token::Or),
                    _ => self.push(Token::Pipe),
                },
                ';' => {
                    let is_arm = self.next_if(&[';', '&']).is_some();
                    self.next_if(&['&']);
                    self.push(if is_arm { Token::ArmEnd } else { Token::End });
                }
                '\n' => {
                    self.end_word();
                    self.tokens.all.push(Token::LineEnd);
                    self.skip_documents();
                }
                '#' if self.word.is_none() => {
                    while self.letters.next_if(|(_, next)| *next != '\n').is_some() {}
                }
                '<' | '>' if self.peek() == Some('(') => self.letter(at, letter),
                '<' | '>' | '&' => self.redirection(letter),
                '(' if self.begins_group() => {
                    self.push(Token::Open);
                }
                ')' => self.push(Token::Close),
                _ if letter.is_whitespace() => self.end_word(),
                _ => self.letter(at, letter),
            }
        }
        self.end_word();
    }

    fn peek(&mut self) -> Option<char> {
        self.letters.peek().map(|(_, next)| *next)
    }

    fn next_if(&mut self, wanted: &[char]) -> Option<char> {
        self.letters.next_if(|(_, next)| wanted.contains(next)).map(|(_, letter)| letter)
    }

    /// Returns the offset of the next letter.
    fn at(&mut self) -> usize {
        self.letters.peek().map_or(self.length, |(at, _)| *at)
    }

    /// Returns whether a parenthesis begins a group of commands rather than an array, an arithmetic expression, or a pattern.
    fn begins_group(&mut self) -> bool {
        let is_name =
            |text: &str| text.chars().all(|letter| letter.is_alphanumeric() || "_-.:".contains(letter));
        match &self.word {
            Some(word) => is_name(&word.text),
            None => self.peek() != Some('('),
        }
    }

    /// Reads a letter of a word, or the quotes or the substitution that it begins.
    fn letter(&mut self, at: usize, letter: char) {
        self.word.get_or_insert_with(|| Lexeme { text: String::new(), is_plain: true, start: at, end: at });
        match letter {
            '\\' => match self.letters.next() {
                Some((_, '\n')) | None => {
                    self.word.take_if(|word| word.text.is_empty() && word.is_plain);
                }
                Some((_, next)) => {
                    self.quote();
                    self.add(next);
                }
            },
            '\'' | '"' | '`' => self.quoted(letter),
            '$' | '<' | '>' | '=' | '@' | '!' | '?' | '*' | '+' if self.peek() == Some('(') => {
                self.add(letter);
                self.balanced('(', ')');
            }
            '$' if self.peek() == Some('{') => {
                self.add(letter);
                self.balanced('{', '}');
            }
            // Arithmetic: `((i++))`.
            '(' => {
                self.add(letter);
                self.balanced('(', ')');
                if let Some(close) = self.next_if(&[')']) {
                    self.add(close);
                }
            }
            _ => self.add(letter),
        }
        let end = self.at();
        if let Some(word) = &mut self.word {
            word.end = end;
        }
    }

    fn add(&mut self, letter: char) {
        if let Some(word) = &mut self.word {
            word.text.push(letter);
        }
    }

    fn quote(&mut self) {
        if let Some(word) = &mut self.word {
            word.is_plain = false;
        }
    }

    fn quoted(&mut self, quote: char) {
        self.quote();
        while let Some((_, letter)) = self.letters.next() {
            match letter {
                _ if letter == quote => return,
                '\\' if quote != '\'' => {
                    if let Some((_, next)) = self.letters.next() {
                        self.add(next);
                    }
                }
                '$' if quote == '"' && self.peek() == Some('(') => {
                    self.add(letter);
                    self.balanced('(', ')');
                }
                _ => self.add(letter),
            }
        }
    }

    /// Reads from an opening sign to the one that closes it, as it is written.
    fn balanced(&mut self, open: char, close: char) {
        let mut depth = 0_usize;
        while let Some((_, letter)) = self.letters.next() {
            self.add(letter);
            if letter == '\\' {
                if let Some((_, next)) = self.letters.next() {
                    self.add(next);
                }
            } else if letter == open {
                depth = depth.saturating_add(1);
            } else if letter == close {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Leaves out a redirection, and the number before it.
    fn redirection(&mut self, sign: char) {
        self.word.take_if(|word| word.is_plain && word.text.bytes().all(|byte| byte.is_ascii_digit()));
        self.end_word();
        let is_document = sign == '<' && self.next_if(&['<']).is_some();
        let is_string = is_document && self.next_if(&['<']).is_some();
        if is_document && !is_string {
            self.next_if(&['-']);
        } else {
            while self.next_if(&['>', '<', '&', '|']).is_some() {}
        }
        while self.next_if(&[' ', '\t']).is_some() {}
        let at = self.at();
        while let Some((at, letter)) =
            self.letters.next_if(|(_, next)| !next.is_whitespace() && !";|&)".contains(*next))
        {
            self.letter(at, letter);
        }
        let target = self.word.take().filter(|word| word.start >= at);
        if is_document && !is_string {
            self.tokens.has_documents = true;
            self.documents.extend(target.map(|word| word.text));
        }
        self.tokens.all.push(Token::Redirection);
        self.tokens.end = self.at();
    }

    /// Skips the lines of the here documents of the line that has ended.
    fn skip_documents(&mut self) {
        for end in std::mem::take(&mut self.documents) {
            let mut line = String::new();
            for (_, letter) in self.letters.by_ref() {
                if letter != '\n' {
                    line.push(letter);
                } else if line.trim() == end {
                    break;
                } else {
                    line.clear();
                }
            }
        }
    }

    fn end_word(&mut self) {
        if let Some(word) = self.word.take() {
            self.tokens.end = word.end;
            self.tokens.all.push(Token::Word(word));
        }
    }

    fn push(&mut self, token: Token) {
        self.end_word();
        self.tokens.all.push(token);
        self.tokens.end = self.at();
    }
}
