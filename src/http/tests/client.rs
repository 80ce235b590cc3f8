//! The client against servers that break, lie, redirect and refuse.

use super::{Answer, Server};
use crate::http::{Client, HttpError, Method, Patience, Proxies, Request, Resume, Settings, Url, download};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

fn patience() -> Patience {
    Patience {
        pause: Duration::from_millis(1),
        ..Patience::default()
    }
}

fn client() -> Client {
    Client::new(Settings {
        patience: patience(),
        ..Settings::default()
    })
}

fn get(url: &str) -> Request {
    Request::new(Method::Get, Url::parse(url).unwrap())
}

fn text(client: &Client, request: &Request) -> Result<String, HttpError> {
    let bytes = client.send(request)?.read_small(1 << 20)?;
    Ok(String::from_utf8(bytes).unwrap())
}

#[test]
fn reads_a_body() {
    let server = Server::new(|asked| Answer::ok(format!("{} {}", asked.method, asked.target)));
    let client = client();
    assert_eq!(text(&client, &get(&server.url("/a?b"))).unwrap(), "GET /a?b");
    let request = Request::new(Method::Post, Url::parse(&server.url("/p")).unwrap()).form(&[("a", "b c&d")]);
    client.send(&request).unwrap();
    let head = client.send(&Request::new(Method::Head, Url::parse(&server.url("/h")).unwrap()));
    assert_eq!(head.unwrap().length(), Some(7));
    let log = server.log();
    assert_eq!(log[1].body, "a=b%20c%26d");
    assert_eq!(log[0].header("authorization"), None);
}

#[test]
fn tries_again_when_the_server_is_in_trouble() {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::new(503, "later"),
        1 => Answer::new(429, "less").header("Retry-After", "0"),
        2 => Answer::silent(),
        _ => Answer::ok("yes"),
    });
    assert_eq!(text(&client(), &get(&server.url("/"))).unwrap(), "yes");
    assert_eq!(server.log().len(), 4);
}

#[test]
fn gives_up_in_the_end_and_shows_the_answer() {
    let server = Server::new(|_| Answer::new(500, "broken"));
    let response = client().send(&get(&server.url("/"))).unwrap();
    assert_eq!(response.status, 500);
    assert_eq!(server.log().len(), 4);
    let refusal = response.refusal().to_string();
    assert!(
        refusal.ends_with("the server answered 500 (Internal Server Error)"),
        "{refusal}"
    );

    let server = Server::new(|_| Answer::new(429, "tomorrow").header("Retry-After", "86400"));
    assert_eq!(client().send(&get(&server.url("/"))).unwrap().status, 429);
    assert_eq!(server.log().len(), 1, "nobody waits a day");
}

#[test]
fn says_why_a_server_cannot_be_reached() {
    let server = Server::new(|_| Answer::silent());
    let error = client()
        .send(&get(&server.url("/x?token=abc")))
        .unwrap_err()
        .to_string();
    assert!(error.contains("/x?token=…") && !error.contains("abc"), "{error}");
    let free = server.url("/");
    drop(server);
    let error = client().send(&get(&free)).unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}

#[test]
fn authorization_stays_with_its_server() {
    let other = Server::new(|_| Answer::ok("there"));
    let there = other.url("/there");
    let server = Server::new(move |asked| match asked.target.as_str() {
        "/here" => Answer::new(307, "").header("Location", "near"),
        "/near" => Answer::new(302, "").header("Location", there.clone()),
        _ => Answer::new(404, ""),
    });
    let request = get(&server.url("/here")).basic("me", "word").header("accept", "x/y");
    assert_eq!(text(&client(), &request).unwrap(), "there");
    let log = server.log();
    assert_eq!(log[0].header("authorization"), Some("Basic bWU6d29yZA=="));
    assert_eq!(log[1].header("authorization"), Some("Basic bWU6d29yZA=="));
    assert_eq!(other.log()[0].header("authorization"), None);
    assert_eq!(other.log()[0].header("accept"), Some("x/y"));
}

#[test]
fn user_and_password_of_an_address_are_used() {
    let server = Server::new(|_| Answer::ok("in"));
    let url = format!("http://me:w%20d@{}/", server.host());
    text(&client(), &get(&url)).unwrap();
    assert_eq!(server.log()[0].header("authorization"), Some("Basic bWU6dyBk"));
}

#[test]
fn circles_end() {
    let server = Server::new(|asked| Answer::new(302, "").header("Location", format!("{}x", asked.target)));
    let error = client().send(&get(&server.url("/"))).unwrap_err().to_string();
    assert!(error.contains("more than 10 times"), "{error}");
    let server = Server::new(|_| Answer::new(302, "").header("Location", "file:///etc/passwd"));
    let error = client().send(&get(&server.url("/"))).unwrap_err().to_string();
    assert!(error.contains("neither http nor https"), "{error}");
}

#[test]
fn a_body_that_ends_early_is_an_error() {
    let server = Server::new(|_| Answer::ok("0123456789").cut(4));
    let error = text(&client(), &get(&server.url("/"))).unwrap_err();
    assert!(matches!(error, HttpError::Broken { received: 4, .. }), "{error:?}");
    let chunked = Server::new(|_| {
        let answer = Answer::ok("3\r\nabc\r\n").header("Transfer-Encoding", "chunked");
        answer.cut(6)
    });
    assert!(text(&client(), &get(&chunked.url("/"))).is_err());
}

#[test]
fn a_body_has_a_limit() {
    let server = Server::new(|_| Answer::ok(vec![0; 1 << 20]));
    let response = client().send(&get(&server.url("/"))).unwrap();
    assert!(matches!(
        response.read_small(1000),
        Err(HttpError::TooLarge { limit: 1000, .. })
    ));
}

fn fetch(server: &Server, resume: &Resume) -> Result<Vec<u8>, HttpError> {
    let client = client();
    let request = get(&server.url("/"));
    let mut out = Vec::new();
    let first = client.send(&request)?;
    download(first, resume, &mut out, u64::MAX, |headers| {
        let request = headers.iter().fold(request.clone(), |request, (name, value)| {
            request.header(name, value.clone())
        });
        client.send(&request)
    })?;
    Ok(out)
}

#[test]
fn goes_on_where_it_broke_off() {
    let body: Vec<u8> = (0..100_000u32).flat_map(u32::to_le_bytes).collect();
    let whole = body.clone();
    let server = Server::new(move |asked| Answer::part(&body, asked).header("ETag", "\"1\"").cut(100_000));
    for resume in [Resume::Always, Resume::ByTag] {
        assert_eq!(fetch(&server, &resume).unwrap(), whole);
    }
    assert_eq!(server.log().len(), 8);
    assert_eq!(server.log()[7].header("if-range"), Some("\"1\""));
}

#[test]
fn a_server_without_ranges_is_read_over() {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::ok("0123456789").cut(7),
        _ => Answer::ok("0123456789"),
    });
    assert_eq!(fetch(&server, &Resume::Always).unwrap(), b"0123456789");
}

#[test]
fn the_rest_of_something_else_is_refused() {
    let count = AtomicUsize::new(0);
    let server = Server::new(move |_| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Answer::ok("0123456789").header("ETag", "\"1\"").cut(7),
        _ => Answer::ok("abcdefghij").header("ETag", "\"2\""),
    });
    assert!(matches!(fetch(&server, &Resume::ByTag), Err(HttpError::Changed(_))));
    let server = Server::new(|asked| match asked.header("range") {
        None => Answer::ok("0123456789").cut(7),
        Some(_) => Answer::new(206, "0123456789").header("Content-Range", "bytes 0-9/10"),
    });
    assert!(matches!(fetch(&server, &Resume::Always), Err(HttpError::Changed(_))));
    let server = Server::new(|_| Answer::ok("0123456789").cut(7));
    assert!(matches!(
        fetch(&server, &Resume::ByTag),
        Err(HttpError::Broken { received: 7, .. })
    ));
}

#[test]
fn stopping_ends_a_read_that_waits() {
    let server = Server::new(|_| Answer::ok("0123456789").hang(4));
    let client = client();
    let mut response = client.send(&get(&server.url("/"))).unwrap();
    let stopper = client.clone();
    let thread = std::thread::spawn(move || stopper.stop());
    let error = response.body.copy_to(&mut Vec::new(), 100).unwrap_err();
    assert!(matches!(error, HttpError::Stopped), "{error:?}");
    thread.join().unwrap();
    assert!(matches!(client.send(&get(&server.url("/"))), Err(HttpError::Stopped)));
}

#[test]
fn stopping_ends_a_pause() {
    let server = Server::new(|_| Answer::new(503, "").header("Retry-After", "50"));
    let client = client();
    let stopper = client.clone();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.send(&get(&server.url("/"))));
        while server.log().is_empty() {
            std::thread::yield_now();
        }
        stopper.stop();
        assert!(matches!(waiting.join().unwrap(), Err(HttpError::Stopped)));
    });
}

#[test]
fn a_proxy_is_asked_for_the_whole_address() {
    let proxy = Server::new(|asked| Answer::ok(asked.target.clone()));
    let client = Client::new(Settings {
        proxies: Proxies {
            http: Some(format!("http://me:word@{}", proxy.host())),
            https: Some(format!("http://me:word@{}", proxy.host())),
            ..Proxies::default()
        },
        patience: Patience { tries: 1, ..patience() },
        ..Settings::default()
    });
    for address in [
        "http://far.invalid/x?y",
        "http://far.invalid:81/",
        "http://near.invalid/",
    ] {
        assert_eq!(text(&client, &get(address)).unwrap(), address);
    }
    let log = proxy.log();
    assert_eq!(log[0].header("host"), Some("far.invalid"));
    assert_eq!(log[0].header("proxy-authorization"), Some("Basic bWU6d29yZA=="));
    proxy.take_targets();
    // Over TLS the proxy sees nothing but the name, and the password that is for it.
    if let Err(HttpError::Roots(_)) = client.send(&get("https://far.invalid/x")) {
        return;
    }
    assert_eq!(proxy.log()[0].header("proxy-authorization"), Some("Basic bWU6d29yZA=="));
    assert_eq!(proxy.take_targets(), ["CONNECT far.invalid:443"]);
    let odd = Client::new(Settings {
        proxies: Proxies {
            http: Some("socks5://me:word@h:1".to_owned()),
            ..Proxies::default()
        },
        ..Settings::default()
    });
    let error = odd.send(&get("http://far.invalid/x")).unwrap_err().to_string();
    assert!(error.contains("proxy") && !error.contains("word"), "{error}");
}
