/// Returns the name of a signal without `SIG`, in capitals. Files also have its number on Linux.
pub(crate) fn signal_name(signal: &str) -> String {
    let upper = signal.trim().to_ascii_uppercase();
    let name = match upper.as_str() {
        "1" => "HUP",
        "2" => "INT",
        "3" => "QUIT",
        "9" => "KILL",
        "10" => "USR1",
        "12" => "USR2",
        "15" => "TERM",
        "18" => "CONT",
        "19" => "STOP",
        "28" => "WINCH",
        name => name.strip_prefix("SIG").unwrap_or(name),
    };
    name.to_owned()
}
