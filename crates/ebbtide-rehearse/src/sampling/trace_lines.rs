//! The lines that begin a stack trace, and the frames that prove one.

/// A line that may begin a trace, by what has to follow it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Opening {
    /// Nothing: the line has the form of no other.
    Certain,
    /// A panic of Rust, whose message is on the next line.
    Rust,
    /// `  File "…", line N`.
    Python,
    /// `goroutine N [state]:`.
    Go,
    /// `at function (place)`, of Java, Kotlin, Node or .NET.
    Exception,
}

impl Opening {
    pub(super) fn of(line: &str) -> Option<Self> {
        if is_rust_panic(line) {
            return Some(Self::Rust);
        }
        if is_node_rejection(line) || is_ruby_error(line) || is_php_error(line) {
            return Some(Self::Certain);
        }
        if line.ends_with("Traceback (most recent call last):") {
            return Some(Self::Python);
        }
        if line.starts_with("panic: ")
            || line.starts_with("fatal error: ")
            || line.contains("http: panic serving ")
        {
            return Some(Self::Go);
        }
        names_exception(line).then_some(Self::Exception)
    }

    /// Returns within how many lines the frame follows.
    pub(super) fn lines(self) -> u8 {
        match self {
            Self::Certain | Self::Rust => 1,
            // A panic that was recovered and raised again has a line for each, and a signal has one.
            Self::Go => 12,
            // A message may have several lines, and another thread may print between.
            Self::Exception | Self::Python => 4,
        }
    }

    pub(super) fn is_confirmed_by(self, line: &str) -> bool {
        match self {
            Self::Certain | Self::Rust => false,
            Self::Python => line.starts_with("  File \"") && line.contains("\", line "),
            Self::Go => line
                .strip_prefix("goroutine ")
                .is_some_and(|rest| rest.starts_with(digit) && rest.ends_with("]:")),
            Self::Exception => is_frame(line),
        }
    }
}

/// `thread 'main' panicked at src/main.rs:2:5:`, also with the number of the thread, or in the older form
/// `thread 'main' panicked at 'message', src/main.rs:2:5`.
fn is_rust_panic(line: &str) -> bool {
    let after_name = line.strip_prefix("thread '").and_then(|rest| rest.split_once("' "));
    let Some((_, rest)) = after_name else { return false };
    let rest = match rest.strip_prefix('(') {
        Some(rest) => rest.trim_start_matches(digit).strip_prefix(") ").unwrap_or_default(),
        None => rest,
    };
    rest.starts_with("panicked at ") && ends_with_place(rest.trim_end_matches(':')) && rest.contains(".rs:")
}

/// The line of Node for a promise that was rejected and that nothing handles.
fn is_node_rejection(line: &str) -> bool {
    let of_warning = || line.strip_prefix("(node:")?.trim_start_matches(digit).strip_prefix(") ");
    let rest = line.trim_start_matches('[');
    rest.starts_with("UnhandledPromiseRejection: This error originated")
        || of_warning().is_some_and(|rest| rest.starts_with("UnhandledPromiseRejectionWarning: "))
}

/// `app.rb:1:in 'Integer#/': divided by 0 (ZeroDivisionError)`.
fn is_ruby_error(line: &str) -> bool {
    let Some((file, rest)) = line.split_once(".rb:") else { return false };
    let rest = rest.trim_start_matches(digit);
    let in_method = rest.strip_prefix(":in '").or_else(|| rest.strip_prefix(":in `"));
    let Some((_, message)) = in_method.and_then(|rest| rest.split_once("': ")) else { return false };
    let class = message.strip_suffix(')').and_then(|rest| Some(rest.rsplit_once('(')?.1));
    !file.contains(' ')
        && (message == "Interrupt"
            || class.is_some_and(|class| !class.contains(' ') && class.starts_with(upper)))
}

/// `PHP Fatal error:  Uncaught Exception: x in /app/a.php:3`, also after a time in brackets.
fn is_php_error(line: &str) -> bool {
    let rest = match line.strip_prefix('[') {
        Some(rest) => rest.split_once("] ").map_or("", |(_, rest)| rest),
        None => line,
    };
    rest.strip_prefix("PHP Fatal error:  ")
        .is_some_and(|rest| rest.split_once(".php").is_some_and(|(_, place)| place.starts_with([':', ' '])))
}

/// Returns whether the line has the class of an exception as a word, such as `java.io.IOException: closed` or `TypeError: x`. One that is the
/// cause of another exception begins no trace, and a frame neither.
fn names_exception(line: &str) -> bool {
    let text = line.trim_start();
    if ["Caused by:", "Suppressed:", "--->", "[cause]:", "at "].iter().any(|word| text.starts_with(word)) {
        return false;
    }
    let is_class = |word: &str| {
        let class =
            word.split(':').next().unwrap_or_default().trim_matches(['(', ')', '[', ']', ',', '.', '"']);
        let name = class.rsplit(['.', '$']).next().unwrap_or_default();
        ["Exception", "Error", "Throwable"].iter().any(|end| name.ends_with(end))
            && name.starts_with(upper)
            && class.chars().all(|one| one.is_alphanumeric() || matches!(one, '.' | '$' | '_' | '/'))
    };
    text.split_whitespace().any(is_class)
}

/// `at pkg.Class.method(File.java:1)`, `at fn (file.js:1:2)`, `at file.js:1:2` or `at Type.Method(String name) in File.cs:line 1`, indented.
fn is_frame(line: &str) -> bool {
    let frame = line.trim_start();
    let Some(rest) = frame.strip_prefix("at ").filter(|_| frame.len() < line.len()) else { return false };
    // The last frame of Node may open an object with the fields of the error.
    let of_script = rest.trim_end_matches(" {").trim_end_matches(')');
    if ends_with_place(of_script) || of_script.ends_with("(<anonymous>") {
        return true;
    }
    let Some((function, rest)) = rest.split_once('(') else { return false };
    let Some((_, after)) = rest.rsplit_once(')') else { return false };
    function.contains('.')
        && !function.contains(' ')
        && (after.is_empty() || [" in ", " ~[", " ["].iter().any(|word| after.starts_with(word)))
}

/// Returns whether `text` ends with a line and a column, `:12:5`.
fn ends_with_place(text: &str) -> bool {
    let without_number = |text: &str| {
        let rest = text.trim_end_matches(digit);
        if rest.len() < text.len() { rest.strip_suffix(':').map(str::len) } else { None }
    };
    let before = without_number(text).and_then(|length| text.get(..length));
    before.and_then(without_number).is_some_and(|length| length > 0)
}

fn digit(one: char) -> bool {
    one.is_ascii_digit()
}

fn upper(one: char) -> bool {
    one.is_uppercase()
}
