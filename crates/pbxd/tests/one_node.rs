//! The real daemon on loopback: what phones, the store and the bus see of it.

mod node;

use node::{DEADLINE, Node, options, request};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

fn is_status(answer: Option<String>, status: &str) -> bool {
    answer.is_some_and(|answer| answer.starts_with(&format!("SIP/2.0 {status} ")))
}

/// DESIGN section 4: a node that nobody has told to serve says nothing; told so, it answers.
#[tokio::test]
async fn it_answers_when_it_serves() {
    let node = Node::start().await;
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    assert_eq!(node.try_ask(&phone, &options()).await, None);
    node.serve().await;
    assert!(is_status(node.try_ask(&phone, &options()).await, "200"));
}

/// Row A14: a REGISTER without credentials is challenged, over UDP and TCP; over TCP a keep-alive is answered as well.
#[tokio::test]
async fn it_speaks_udp_and_tcp() {
    let node = Node::start().await;
    node.serve().await;
    let contact = "Contact: <sip:101@192.0.2.1>\r\n";
    let phone = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let register = request("REGISTER", "sip:pbx.example.com", contact);
    assert!(is_status(node.try_ask(&phone, &register).await, "401"));

    let mut phone = TcpStream::connect(node.sip).await.unwrap();
    let register = request("REGISTER", "sip:pbx.example.com", contact).replace("SIP/2.0/UDP", "SIP/2.0/TCP");
    phone.write_all(b"\r\n\r\n").await.unwrap();
    phone.write_all(register.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4_096];
    let mut length = 0;
    while !answer[..length].ends_with(b"\r\n\r\n") {
        length += timeout(DEADLINE, phone.read(&mut answer[length..])).await.unwrap().unwrap();
    }
    assert!(answer.starts_with(b"\r\nSIP/2.0 401 "), "{}", String::from_utf8_lossy(&answer[..length]));
}

/// A daemon whose bus has died ends with an error, so that it is started anew: without a bus it would hear of no
/// configuration and no role any more.
#[tokio::test]
async fn it_ends_with_its_bus() {
    let mut node = Node::start().await;
    node.serve().await;
    node.stop_bus();
    let status = node.ended().await;
    assert!(!status.success(), "{status}");
}

/// DESIGN section 5: the record of a call that failed while the store was away is there when the store is back.
#[tokio::test]
async fn records_wait_for_the_store() {
    let node = Node::start().await;
    node.serve().await;
    node.stop_store().await;
    let trunk = UdpSocket::bind("127.0.0.2:0").await.unwrap();
    let contact = format!("Contact: <sip:{}>\r\n", trunk.local_addr().unwrap());
    let invite = request("INVITE", "sip:999@pbx.example.com", &contact);
    node.until("the call is refused", async |node| is_status(node.try_ask(&trunk, &invite).await, "404"))
        .await;
    assert_eq!(node.records(), Vec::<String>::new());
    node.start_store().await;
    node.until("the record is stored", async |node| !node.records().is_empty()).await;
    let record = &node.records()[0];
    for part in
        ["\"called\":\"999\"", "\"sip_status\":404", "\"node\":\"a\"", "\"src_peer_name\":\"provider\""]
    {
        assert!(record.contains(part), "{part} in {record}");
    }
}
