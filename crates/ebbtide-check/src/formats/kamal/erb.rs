use std::borrow::Cow;

/// The marks around a value that Ruby computes.
const BEGIN: &str = "<%=";
const END: &str = "%>";

/// Replaces what is between the marks by as many bytes that mean nothing to YAML, so that the file can be read and every place stays.
/// The marks stay too, and tell readers that the value is not known. Lines that are Ruby, such as conditions, are left as they are.
pub(crate) fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(BEGIN) {
        return Cow::Borrowed(text);
    }
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(BEGIN) {
        masked.push_str(before);
        masked.push_str(BEGIN);
        let Some((inner, after)) = after.split_once(END).filter(|(inner, _)| !inner.contains('\n')) else {
            rest = after;
            continue;
        };
        masked.extend(std::iter::repeat_n('_', inner.len()));
        masked.push_str(END);
        rest = after;
    }
    masked.push_str(rest);
    Cow::Owned(masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ruby_computes_is_replaced_and_every_place_stays() {
        let text = "arch: <%= a == \"x: ü\" ? \"b\" : \"c\" %>\nstop: <%= 1 %>0\n<% if a %>\nb: <%=\n2 %>\n";
        let masked = masked(text);
        assert_eq!(masked.len(), text.len());
        assert_eq!(masked.find("stop"), text.find("stop"));
        assert!(
            masked.contains("arch: <%=____") && masked.contains("<%=___%>0") && masked.contains("<% if a %>")
        );
        assert!(masked.ends_with("b: <%=\n2 %>\n") && !masked.contains('ü'), "{masked}");
        for text in ["", "a: 1", "<%=", "%><%=", "<%=%>"] {
            assert_eq!(super::masked(text).len(), text.len());
        }
    }
}
