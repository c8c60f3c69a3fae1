//! What is answered to everybody: OPTIONS, and the methods that are not served.

use crate::common::{DOMAIN, Phone, Town};
use sip::{Method, name};

/// OPTIONS to the domain or our address: 200 with what we can, without digest and without memory.
#[test]
fn options() {
    let mut town = Town::new();
    let mut monitor = Phone::new("monitor", "10.20.0.254:5060");
    for (uri, status) in [
        (format!("sip:{DOMAIN}"), 200),
        ("sip:10.20.0.10:5060".to_owned(), 200),
        ("sip:example.org".to_owned(), 404),
    ] {
        let request = monitor.request(Method::OPTIONS, &uri, &format!("<{uri}>"));
        monitor.send(&mut town, &request.to_bytes());
        let answer = monitor.expect(&mut town, status);
        if status == 200 {
            assert!(answer.headers.lists(name::ALLOW, "INVITE"));
            assert!(answer.headers.lists(name::ACCEPT, "application/sdp"));
            assert!(answer.headers.has(name::SUPPORTED));
        }
    }
    assert_eq!(town.exchange.load().transactions, 0);
}

/// A defined answer to each method without a service.
#[test]
fn unserved_methods() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let uri = format!("sip:104@{DOMAIN}");
    for (method, status) in [
        (Method::SUBSCRIBE, 489),
        (Method::MESSAGE, 405),
        (Method::PUBLISH, 405),
        (Method::REFER, 405),
        (Method::NOTIFY, 481),
        (Method::BYE, 481),
        (Method::PRACK, 481),
        (Method::UPDATE, 481),
        (Method::INFO, 481),
        ("DANCE".parse().unwrap(), 501),
    ] {
        let request = phone.request(method.clone(), &uri, &format!("<{uri}>"));
        phone.send(&mut town, &request.to_bytes());
        let answer = phone.expect(&mut town, status);
        assert_eq!(answer.headers.has(name::ALLOW), matches!(status, 405 | 501), "{method}");
    }
}

/// A scheme that is not ours is refused with 416, an unknown extension with 420.
#[test]
fn refused_options() {
    let mut town = Town::new();
    let mut phone = Phone::new("101", "10.20.0.101:5060");
    let request = phone.request(Method::OPTIONS, "soap.beep://192.0.2.103:3002", "<sip:user@example.com>");
    phone.send(&mut town, &request.to_bytes());
    phone.expect(&mut town, 416);
    let mut request = phone.request(Method::OPTIONS, &format!("sip:{DOMAIN}"), "<sip:user@example.com>");
    request.headers.push(name::REQUIRE, "nothingSupportsThis");
    phone.send(&mut town, &request.to_bytes());
    let answer = phone.expect(&mut town, 420);
    assert_eq!(answer.headers.get(name::UNSUPPORTED), Some("nothingSupportsThis"));
}
