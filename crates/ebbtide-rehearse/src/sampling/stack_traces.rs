//! Recognises stack traces of panics and exceptions in lines of output.
//!
//! A line that mentions an exception is none: the first line of a trace has the form that a runtime prints, and a stack frame follows where
//! the form alone proves nothing.

use super::trace_lines::Opening;

/// Counts the stack traces in the lines that it is given, and keeps the first one.
#[derive(Debug, Default)]
pub(super) struct StackTraceReader {
    count: u64,
    first: Option<FirstTrace>,
    state: State,
    /// The last line was one that joins two exceptions of Python: the next trace belongs to the same failure.
    is_joined: bool,
}

/// The first stack trace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct FirstTrace {
    /// Where its first line begins.
    pub(super) offset: u64,
    pub(super) first_line: String,
    /// The line with the error, if that is another one.
    pub(super) error_line: Option<String>,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Outside,
    /// After a line that begins a trace if a frame follows within this number of lines.
    MayBegin { offset: u64, line: String, opening: Opening, lines: u8 },
    /// After the first line of a trace whose error is on a later line.
    BeforeError(ErrorLine),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ErrorLine {
    /// The next line.
    Next,
    /// The next line that is not indented and begins with a name, such as `KeyError: 'a'`. Another thread may print between.
    Named,
}

impl ErrorLine {
    fn is(self, line: &str) -> bool {
        let name = line.split(':').next().unwrap_or_default();
        let is_name = |one: char| one.is_alphanumeric() || matches!(one, '.' | '_');
        self == Self::Next || (!name.is_empty() && name.chars().all(is_name))
    }
}

impl StackTraceReader {
    /// Reads the next line, which begins at `offset`.
    pub(super) fn read(&mut self, offset: u64, line: &str) {
        let line = line.trim_end();
        match std::mem::take(&mut self.state) {
            State::MayBegin { offset: begun, line: first, opening, lines } => {
                if opening.is_confirmed_by(line) {
                    self.found(begun, &first, opening);
                    return;
                }
                // A later line that names the error is the better first one; but the message of a panic may name one too.
                let new =
                    Opening::of(line).filter(|new| (opening, *new) != (Opening::Go, Opening::Exception));
                match new {
                    Some(new) => self.begin(offset, line, new),
                    None if lines > 1 => {
                        self.state =
                            State::MayBegin { offset: begun, line: first, opening, lines: lines - 1 };
                    }
                    None => {}
                }
            }
            State::BeforeError(which) => match Opening::of(line) {
                Some(opening) if !matches!(opening, Opening::Exception | Opening::Go) => {
                    self.begin(offset, line, opening)
                }
                _ if which.is(line) => {
                    if let Some(first) = &mut self.first {
                        first.error_line = Some(line.trim_start().to_owned()).filter(|line| !line.is_empty());
                    }
                }
                _ => self.state = State::BeforeError(which),
            },
            State::Outside => {
                if let Some(opening) = Opening::of(line) {
                    self.begin(offset, line, opening);
                }
            }
        }
        if !line.is_empty() {
            // It is still that until the frame shows that a trace began.
            let may_begin = matches!(self.state, State::MayBegin { .. });
            self.is_joined = JOINS.contains(&line) || (self.is_joined && may_begin);
        }
    }

    /// Returns the number of stack traces and the first one, if there is one.
    pub(super) fn finish(self) -> Option<(u64, FirstTrace)> {
        Some((self.count, self.first?))
    }

    fn begin(&mut self, offset: u64, line: &str, opening: Opening) {
        match opening {
            Opening::Certain | Opening::Rust => self.found(offset, line, opening),
            _ => {
                let lines = opening.lines();
                self.state = State::MayBegin { offset, line: line.to_owned(), opening, lines };
            }
        }
    }

    fn found(&mut self, offset: u64, line: &str, opening: Opening) {
        if std::mem::take(&mut self.is_joined) && opening == Opening::Python {
            return;
        }
        self.count = self.count.saturating_add(1);
        if self.first.is_some() {
            return;
        }
        self.first = Some(FirstTrace { offset, first_line: line.trim_start().to_owned(), error_line: None });
        self.state = match opening {
            Opening::Rust if line.ends_with(':') => State::BeforeError(ErrorLine::Next),
            Opening::Python => State::BeforeError(ErrorLine::Named),
            _ => State::Outside,
        };
    }
}

/// What Python prints between two exceptions of one failure.
const JOINS: [&str; 2] = [
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the number of traces in `text`, and the first line and the line of the error of the first one.
    fn found(text: &str) -> Option<(u64, String, Option<String>)> {
        let mut reader = StackTraceReader::default();
        let mut offset = 0;
        for line in text.lines() {
            reader.read(offset, line);
            offset += line.len() as u64 + 1;
        }
        let (count, first) = reader.finish()?;
        assert!(text.contains(&first.first_line));
        assert!(text[usize::try_from(first.offset).unwrap()..].trim_start().starts_with(&first.first_line));
        Some((count, first.first_line, first.error_line))
    }

    #[track_caller]
    fn assert_found(text: &str, first: &str, error: Option<&str>) {
        assert_eq!(found(text), Some((1, first.to_owned(), error.map(str::to_owned))), "{text}");
        // Wherever it is in the output.
        let among = format!("listening on :8080\nstopping\n{text}\nbye\n");
        assert_eq!(found(&among).map(|found| (found.0, found.1)), Some((1, first.to_owned())), "{among}");
    }

    #[test]
    fn panics_of_rust_are_found() {
        assert_found(
            "thread 'main' panicked at src/main.rs:2:5:\ncalled `Option::unwrap()` on a `None` value\nnote: run with `RUST_BACKTRACE=1` \
             environment variable to display a backtrace",
            "thread 'main' panicked at src/main.rs:2:5:",
            Some("called `Option::unwrap()` on a `None` value"),
        );
        assert_found(
            "thread 'tokio-runtime-worker' (4711) panicked at /app/src/db.rs:12:34:\npool closed\nstack backtrace:\n   0: \
             rust_begin_unwind\n             at /rustc/123/library/std/src/panicking.rs:697:5\n   1: core::panicking::panic_fmt",
            "thread 'tokio-runtime-worker' (4711) panicked at /app/src/db.rs:12:34:",
            Some("pool closed"),
        );
        let old = "thread '<unnamed>' panicked at 'index out of bounds', src/lib.rs:3:9";
        assert_found(old, old, None);
    }

    #[test]
    fn tracebacks_of_python_are_found_once_for_a_chain() {
        let one = "Traceback (most recent call last):\n  File \"/app/main.py\", line 7, in <module>\n    serve()\n    ~~~~~^^\n  File \
                   \"/app/main.py\", line 3, in serve\n    time.sleep(1)\nKeyboardInterrupt";
        assert_found(one, "Traceback (most recent call last):", Some("KeyboardInterrupt"));
        let chain = one.replace("KeyboardInterrupt", "KeyError: 'a'");
        let chain = format!(
            "{chain}\n\nDuring handling of the above exception, another exception occurred:\n\n{one}\n"
        );
        assert_eq!(found(&chain).unwrap().0, 1);
        assert_eq!(found(&format!("{chain}{chain}")).unwrap().0, 2);
        assert_eq!(found(&format!("{one}\n{one}")).unwrap().0, 2);
        let between = one.replace("\nKeyboard", "\n{\"level\": 1}\nPOST /a: x\nKeyboard").replacen(
            "\n",
            "\nGET /\n",
            1,
        );
        assert_eq!(found(&between).unwrap().2.as_deref(), Some("KeyboardInterrupt"));
        // As uvicorn logs it.
        let logged = format!("ERROR:    {one}");
        assert_eq!(found(&logged).unwrap().1, "ERROR:    Traceback (most recent call last):");
    }

    #[test]
    fn panics_and_fatal_errors_of_go_are_found() {
        assert_found(
            "panic: send on closed channel\n\ngoroutine 34 [running]:\nmain.worker(0xc000018070)\n\t/app/main.go:12 +0x1d\ncreated by \
             main.main in goroutine 1\n\t/app/main.go:9 +0x65\nexit status 2",
            "panic: send on closed channel",
            None,
        );
        assert_found(
            "panic: runtime error: invalid memory address or nil pointer dereference [recovered]\n\tpanic: again\n[signal SIGSEGV: \
             segmentation violation code=0x1 addr=0x0 pc=0x45]\n\ngoroutine 1 gp=0xc000002380 m=0 mp=0x5 [running]:\nmain.main()",
            "panic: runtime error: invalid memory address or nil pointer dereference [recovered]",
            None,
        );
        assert_found(
            "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\ngoroutine 5 [select]:\n",
            "fatal error: all goroutines are asleep - deadlock!",
            None,
        );
        let served = "2024/05/01 12:00:00 http: panic serving 127.0.0.1:50312: boom";
        assert_found(
            &format!("{served}\ngoroutine 7 [running]:\nnet/http.(*conn).serve.func1()"),
            served,
            None,
        );
    }

    #[test]
    fn exceptions_of_java_and_kotlin_are_found_once_with_their_causes() {
        let trace = "java.lang.IllegalStateException: pool is closed\n\tat com.example.Pool.take(Pool.java:12)\n\tat \
                     java.base/java.lang.Thread.run(Thread.java:1583)\nCaused by: java.io.IOException: closed\n\tat \
                     com.example.MainKt.main(Main.kt:3)\n\t... 3 more";
        assert_found(trace, "java.lang.IllegalStateException: pool is closed", None);
        let thrown =
            "Exception in thread \"main\" java.lang.NullPointerException: Cannot invoke \"String.length()\"";
        assert_found(&format!("{thrown}\n\tat Main.main(Main.java)"), thrown, None);
        // As Logback writes it, below a message that names an exception as well.
        let logged = format!(
            "12:00:00 ERROR [http-1] Servlet.service() threw exception [java.lang.IllegalStateException: x] with root cause\n{}",
            trace.replace("Pool.java:12)", "Pool.java:12) ~[app.jar:1.0]")
        );
        assert_eq!(found(&logged).unwrap().1, "java.lang.IllegalStateException: pool is closed");
    }

    #[test]
    fn exceptions_and_rejections_of_node_are_found() {
        assert_found(
            "/app/server.js:10\n    throw new Error('closed')\n    ^\n\nError: closed\n    at Server.<anonymous> (/app/server.js:10:9)\n    \
             at process.processTicksAndRejections (node:internal/process/task_queues:95:5) {\n  code: 'E'\n}\n\nNode.js v20.1.0",
            "Error: closed",
            None,
        );
        let path = "TypeError [ERR_INVALID_ARG_TYPE]: The \"path\" argument must be a string";
        assert_found(&format!("{path}\n    at async file:///app/main.mjs:3:1"), path, None);
        let cause = "Error: outer\n    at main (/app/a.js:1:2) {\n  [cause]: Error: inner\n      at main (/app/a.js:2:3)\n}";
        assert_found(cause, "Error: outer", None);
        let rejected = "[UnhandledPromiseRejection: This error originated either by throwing inside of an async function without a catch \
                        block] {\n  code: 'ERR_UNHANDLED_REJECTION'\n}";
        assert_found(rejected, rejected.lines().next().unwrap(), None);
        let warned = "(node:17) UnhandledPromiseRejectionWarning: nothing";
        assert_found(warned, warned, None);
    }

    #[test]
    fn exceptions_of_dotnet_ruby_and_php_are_found() {
        let dotnet = "Unhandled exception. System.AggregateException: One or more errors occurred. (x)";
        let inner = " ---> System.InvalidOperationException: x";
        let frames = "   at Program.<Main>$(String[] args) in /app/Program.cs:line 3\n   --- End of inner exception stack trace ---\n   \
                      at System.Threading.Tasks.Task.Wait()";
        assert_found(&format!("{dotnet}\n{inner}\n{frames}"), dotnet, None);
        // As Microsoft.Extensions.Logging writes it.
        let logged = "fail: Host[0]\n      Failed.\n      System.OperationCanceledException: canceled.\n         at Shop.Job.Run()";
        assert_found(logged, "System.OperationCanceledException: canceled.", None);
        for ruby in [
            "app.rb:1:in 'Integer#/': divided by 0 (ZeroDivisionError)",
            "/app/lib/pool.rb:12:in `take': pool is closed (Shop::ClosedError)",
            "app.rb:3:in 'Kernel#sleep': Interrupt",
        ] {
            assert_found(&format!("{ruby}\n\tfrom app.rb:9:in '<main>'"), ruby, None);
        }
        let php = "PHP Fatal error:  Uncaught Exception: closed in /app/a.php:3";
        assert_found(
            &format!("{php}\nStack trace:\n#0 {{main}}\n  thrown in /app/a.php on line 3"),
            php,
            None,
        );
        let timed = format!("[01-May-2024 12:00:00 UTC] {php}");
        assert_found(&timed, &timed, None);
    }

    #[test]
    fn lines_that_mention_a_failure_are_no_stack_trace() {
        for text in [
            "panic: the button was pressed",
            "2024-05-01 INFO thread 'main' panicked at src/main.rs:2:5:",
            "thread 'main' panicked at noon",
            "thread 'pool' is stopping: it panicked at src/main.rs:2:5:",
            "Traceback (most recent call last):",
            "Traceback (most recent call last):\n1\n2\n3\n4\n  File \"a.py\", line 1, in x",
            "{\"level\":\"error\",\"stack\":\"Traceback (most recent call last):\\n  File \\\"a.py\\\", line 1\"}",
            "{\"msg\":\"java.io.IOException: x\\n\\tat a.B.c(D.java:1)\"}\n{\"msg\":\"next\"}",
            "java.io.IOException: connection reset by peer\nretrying at 12:30:15",
            "ERROR Error: closed\n    at the end of the day (of all days), stop",
            "Error: closed\n    at noon (or at night)",
            "no exception here\n\tat com.example.Pool.take(Pool.java:12)",
            // A thread dump, and a backtrace that was asked for.
            "\"main\" #1 prio=5 os_prio=0\n   java.lang.Thread.State: RUNNABLE\n\tat com.example.Main.main(Main.java:3)",
            "goroutine 1 [running]:\nmain.main()",
            "fatal error: could not bind\ngoroutine pool is empty",
            "app.rb:1: warning: divided by 0 (ZeroDivisionError)",
            "see app.rb:1:in 'a': b (C)",
            "PHP Warning:  Undefined variable $a in /app/a.php on line 3",
            "a PHP Fatal error:  Uncaught Exception: closed in /app/a.php:3 would be logged",
            "log: UnhandledPromiseRejection: This error originated elsewhere",
            // Source code, as a linter or a listing shows it.
            "12 |     raise ValueError(\"Traceback (most recent call last):\")\n13 |   File \"a.py\", line 1",
            "throw new IllegalStateException(\"x\");\n    at(3);",
            "",
        ] {
            assert_eq!(found(text), None, "{text}");
        }
    }
}
