//! An actor in Rust that counts visits: each GET of a path adds one to the number of that name, in a key-value bucket.

mod wasi;

use wasi::{Bucket, Exchange};

#[export_name = "wasi:http/incoming-handler@0.2.0#handle"]
unsafe extern "C" fn handle(request: u32, out: u32) {
    count(Exchange::new(request, out))
}

/// Answers the third GET /apples with {"name":"apples","count":3}.
fn count(http: Exchange) {
    if !http.is_get() {
        return http.respond(405, ["allow", "GET"], "only GET counts\n");
    }
    let path = http.path();
    let name = name(&path);
    match Bucket::open("counts").and_then(|counts| counts.increment(name, 1)) {
        Ok(n) => http.respond(
            200,
            ["content-type", "application/json"],
            &format!("{{\"name\":{},\"count\":{}}}\n", quote(name), n),
        ),
        Err(why) => http.respond(
            503,
            ["content-type", "text/plain; charset=utf-8"],
            &format!("keyvalue: {}\n", why),
        ),
    }
}

/// The path without its slashes and query, as it was sent: %20 stays %20.
fn name(path: &str) -> &str {
    match path.split('?').next().unwrap_or("").trim_matches('/') {
        "" => "default",
        name => name,
    }
}

/// A JSON string.
fn quote(s: &str) -> String {
    let mut out = String::with_capacity(s.len() + 2);
    out.push('"');
    for c in s.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => out.push_str(&format!("\\u{:04x}", c as u32)),
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}
