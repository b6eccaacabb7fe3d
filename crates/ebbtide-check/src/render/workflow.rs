/// Returns a workflow command of GitHub Actions: `::level name=value::message`, in one line.
pub fn workflow_command(level: &str, properties: &[(&str, &str)], message: &str) -> String {
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    format!("::{level} {}::{}\n", properties.join(","), data(message))
}

/// Escapes the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn properties_are_escaped_more_than_the_message() {
        assert_eq!(
            workflow_command("error", &[("file", "a: 1, b"), ("line", "2")], "a: 1%, b\r\nc"),
            "::error file=a%3A 1%2C b,line=2::a: 1%25, b%0D%0Ac\n"
        );
    }
}
