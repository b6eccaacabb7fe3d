//! The lines of `ebbtide.toml` about a gRPC service: its methods, each under a shape of load that fits its kind.

use ebbtide_rehearse::{BadCall, CallKind, Shape, Survey, SurveyedCalls, SurveyedMethod, Tried, words};

use super::init::quoted;

/// The kinds of methods, each with the shape under which the file lists those that do not fit.
const KINDS: [(CallKind, Shape); 4] = [
    (CallKind::Unary, Shape::Keepalive),
    (CallKind::ServerStream, Shape::Events),
    (CallKind::ClientStream, Shape::ClientStream),
    (CallKind::BidiStream, Shape::BidiStream),
];

/// Returns the lines about `found`, the gRPC service of `survey`.
pub(super) fn calls(survey: &Survey, found: &SurveyedCalls) -> Vec<String> {
    let methods = match &found.methods {
        Ok(methods) if methods.is_empty() => {
            return described_by_file(found, "Its server reflection names no methods of its own services");
        }
        Ok(methods) => methods,
        Err(BadCall::NoReflection) => return described_by_file(found, "It has no server reflection"),
        Err(why) => return described_by_file(found, &capitalised(&why.to_string())),
    };
    let mut lines = vec![
        "# Methods of gRPC, as the service's server reflection names them. Those without a `#` answered a call with an empty"
            .to_owned(),
        "# message. Another one is given as JSON, to all calls or to those of a shape; `{ms}` is the duration of a slow call:"
            .to_owned(),
        "# grpc-message = ['{\"FIELD\": \"VALUE\"}', 'slow={\"FIELD\": \"{ms}\"}']".to_owned(),
    ];
    for (kind, usual) in KINDS {
        let of_kind: Vec<&SurveyedMethod> = methods.iter().filter(|method| method.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        lines.push(format!("# {}:", capitalised(&kind.to_string())));
        let fitting = found.fitting(kind);
        if let Some(method) = fitting {
            for shape in shapes(kind) {
                let is_taken = kind == CallKind::Unary && survey.route.is_some();
                let mark = if is_taken { "# " } else { "" };
                lines.push(format!("{mark}{}", line(found, shape, &method.path)));
            }
        }
        for method in of_kind.into_iter().filter(|method| Some(*method) != fitting) {
            lines.push(format!("# {}{}", line(found, usual, &method.path), tried(method.tried)));
        }
    }
    // Without these a rehearsal would look for a route of HTTP.
    if survey.route.is_none() && found.any_fits() && found.fitting(CallKind::Unary).is_none() {
        lines.push("# No unary method for these shapes:".to_owned());
        lines.extend(shapes(CallKind::Unary).map(|shape| format!("{shape} = 0")));
    }
    lines.extend([
        "# A slow method keeps calls in flight at the signal:".to_owned(),
        format!("# {}", line(found, Shape::Slow, PLACEHOLDER)),
    ]);
    lines
}

/// What stands for the path of a method.
const PLACEHOLDER: &str = "/PACKAGE.SERVICE/METHOD";

/// Returns the lines about a service that does not name its methods.
fn described_by_file(found: &SurveyedCalls, why: &str) -> Vec<String> {
    vec![
        format!("# The service speaks gRPC. {why}: name its methods here, and give its descriptors, which"),
        "# `protoc --include_imports -o FILE` and `buf build -o FILE` write.".to_owned(),
        "# protoset = \"FILE\"".to_owned(),
        format!("# {}", line(found, Shape::Keepalive, PLACEHOLDER)),
        "# grpc-message = '{\"FIELD\": \"VALUE\"}'".to_owned(),
        "# Methods that stream have shapes of their own: events (the service streams), client-stream and bidi-stream."
            .to_owned(),
        format!("# {}", line(found, Shape::Events, PLACEHOLDER)),
    ]
}

/// The shapes whose calls are of `kind` and need no particular message.
fn shapes(kind: CallKind) -> impl Iterator<Item = Shape> {
    kind.shapes().iter().copied().filter(|shape| *shape != Shape::Slow)
}

fn line(found: &SurveyedCalls, shape: Shape, path: &str) -> String {
    let place = found.target.as_ref().map_or_else(|| path.to_owned(), |target| target.url(path));
    format!("url.{shape} = {}", quoted(&format!("GRPC:{place}")))
}

/// What a call of the method showed, as a comment behind its line.
fn tried(tried: Tried) -> String {
    match tried {
        Tried::No | Tried::Fits => String::new(),
        Tried::Status(status) => format!(" # {} to an empty message", words::grpc_status(status)),
        Tried::NoAnswer => " # an empty message was not answered".to_owned(),
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use ebbtide_rehearse::{Ready, Route, StopSignal, Target};

    use super::*;

    /// A service whose port is its readiness, without a route of HTTP.
    fn survey() -> Survey {
        Survey {
            listeners: Vec::new(),
            ready: Ready::Port(Target::tcp("127.0.0.1", 50051)),
            route: None,
            posts: false,
            liveness: None,
            calls: None,
            servers: Vec::new(),
            signal: StopSignal::TERM,
            exit: None,
        }
    }

    fn found(methods: &[(&str, CallKind, Tried)]) -> SurveyedCalls {
        let method = |(name, kind, tried): &(&str, CallKind, Tried)| SurveyedMethod {
            path: format!("/shop.Orders/{name}"),
            kind: *kind,
            tried: *tried,
        };
        SurveyedCalls { target: None, methods: Ok(methods.iter().map(method).collect()) }
    }

    fn has(lines: &[String], line: &str) -> bool {
        lines.iter().any(|found| found == line)
    }

    #[test]
    fn each_shape_has_a_method_of_its_kind_that_answered_and_the_others_are_comments() {
        let methods = found(&[
            ("Set", CallKind::Unary, Tried::Status(3)),
            ("Get", CallKind::Unary, Tried::Fits),
            ("Delete", CallKind::Unary, Tried::No),
            ("Watch", CallKind::ServerStream, Tried::Fits),
            ("Sync", CallKind::BidiStream, Tried::NoAnswer),
        ]);
        let lines = calls(&survey(), &methods);
        for line in [
            "url.storm = \"GRPC:/shop.Orders/Get\"",
            "url.keepalive = \"GRPC:/shop.Orders/Get\"",
            "url.open = \"GRPC:/shop.Orders/Get\"",
            "# url.keepalive = \"GRPC:/shop.Orders/Set\" # INVALID_ARGUMENT to an empty message",
            "# url.keepalive = \"GRPC:/shop.Orders/Delete\"",
            "url.events = \"GRPC:/shop.Orders/Watch\"",
            "# url.bidi-stream = \"GRPC:/shop.Orders/Sync\" # an empty message was not answered",
        ] {
            assert!(has(&lines, line), "{line}: {lines:#?}");
        }
        assert_eq!(lines.iter().filter(|line| !line.starts_with('#')).count(), 4, "{lines:#?}");
        for (heading, is_there) in [("# Server-streaming:", true), ("# Client-streaming:", false)] {
            assert_eq!(has(&lines, heading), is_there, "{lines:#?}");
        }
    }

    #[test]
    fn a_route_of_http_keeps_its_shapes_and_methods_elsewhere_have_their_address() {
        let methods =
            found(&[("Get", CallKind::Unary, Tried::Fits), ("Import", CallKind::ClientStream, Tried::Fits)]);
        let methods = SurveyedCalls { target: Some(Target::tcp("127.0.0.1", 50051)), ..methods };
        let lines = calls(&Survey { route: Some(Route::get("/ping")), ..survey() }, &methods);
        for line in [
            "# url.storm = \"GRPC:http://127.0.0.1:50051/shop.Orders/Get\"",
            "url.client-stream = \"GRPC:http://127.0.0.1:50051/shop.Orders/Import\"",
        ] {
            assert!(has(&lines, line), "{line}: {lines:#?}");
        }
    }

    #[test]
    fn without_a_unary_method_the_usual_shapes_are_off() {
        let lines = calls(&survey(), &found(&[("Watch", CallKind::ServerStream, Tried::Fits)]));
        for line in ["storm = 0", "keepalive = 0", "open = 0"] {
            assert!(has(&lines, line), "{line}: {lines:#?}");
        }
        let none = calls(&survey(), &found(&[("Watch", CallKind::ServerStream, Tried::No)]));
        assert!(none.iter().all(|line| line.starts_with('#')), "{none:#?}");
    }

    #[test]
    fn a_service_that_does_not_name_its_methods_needs_descriptors() {
        let failed = BadCall::Reflection("gRPC status UNAUTHENTICATED".to_owned());
        for (methods, why) in [
            (Err(BadCall::NoReflection), "It has no server reflection: "),
            (Err(failed), "Server reflection failed: gRPC status UNAUTHENTICATED: "),
            (Ok(Vec::new()), "Its server reflection names no methods of its own services: "),
        ] {
            let lines = calls(&survey(), &SurveyedCalls { target: None, methods });
            assert!(lines[0].contains(why), "{lines:#?}");
            assert!(has(&lines, "# protoset = \"FILE\""), "{lines:#?}");
            assert!(lines.iter().all(|line| line.starts_with('#')), "{lines:#?}");
        }
    }
}
