//! A scripted phone: builds SIP text, answers challenges, remembers its dialog.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};

use exchange::{Destination, Flow, Input, Transport};
use model::Private;
use sip::digest::{Challenge, Credentials};
use sip::sdp::Description;
use sip::{CSeq, Message, Method, NameAddr, Request, Response, Uri, Via, name};

use super::{DOMAIN, LOCAL, Town};

/// A number that no other part of this test run has.
fn unique() -> u32 {
    static LAST: AtomicU32 = AtomicU32::new(0);
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// One phone (or the trunk).
pub struct Phone {
    pub account: String,
    pub password: String,
    pub flow: Flow,
    pub call_id: String,
    pub tag: String,
    pub cseq: u32,
    /// The other end of its call: To with tag, as learned from a 2xx or an INVITE
    pub remote: Option<NameAddr>,
    /// Our own end when we were called
    pub local: Option<NameAddr>,
    pub target: Option<Uri>,
    /// Extra parameters of its Contact
    pub contact_params: String,
    pub rtp_port: u16,
    sdp_version: u64,
}

impl Phone {
    /// A phone on UDP.
    pub fn new(account: &str, address: &str) -> Self {
        let remote: SocketAddr = address.parse().unwrap();
        Phone {
            account: account.to_owned(),
            password: format!("secret-{account}"),
            flow: super::udp(remote),
            call_id: format!("call-{account}-{}", unique()),
            tag: format!("tag-{account}-{}", unique()),
            cseq: 0,
            remote: None,
            local: None,
            target: None,
            contact_params: String::new(),
            rtp_port: 4000,
            sdp_version: 1,
        }
    }

    /// A phone on a TCP connection.
    pub fn tcp(account: &str, address: &str, connection: u64) -> Self {
        let mut phone = Phone::new(account, address);
        phone.flow = Flow { transport: Transport::Tcp, connection, ..phone.flow };
        phone
    }

    pub fn address(&self) -> SocketAddr {
        self.flow.remote
    }

    /// This phone as it is called without a connection.
    pub fn dialled(&self) -> Destination {
        let Flow { transport, local, remote, .. } = self.flow;
        Destination::Address { transport, local, remote }
    }

    pub fn send(&self, town: &mut Town, bytes: &[u8]) {
        town.input(Input::Message { flow: self.flow, bytes });
    }

    pub fn contact(&self) -> String {
        let transport = if self.flow.transport == Transport::Tcp { ";transport=tcp" } else { "" };
        format!("<sip:{}@{}{transport}>{}", self.account, self.address(), self.contact_params)
    }

    fn via(&self) -> Via {
        let transport = if self.flow.transport == Transport::Tcp { "TCP" } else { "UDP" };
        let branch = format!("z9hG4bK-{}-{}", self.account, unique());
        Via::new(transport, self.address(), &branch)
    }

    /// A session description with audio at this phone.
    pub fn sdp(&mut self, direction: &str) -> Vec<u8> {
        self.sdp_version += 1;
        format!(
            "v=0\r\no=- 4711 {} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio {} RTP/AVP 0 8 101\r\n\
             a=rtpmap:101 telephone-event/8000\r\na={direction}\r\n",
            self.sdp_version,
            self.rtp_port,
            ip = self.address().ip(),
        )
        .into_bytes()
    }

    /// A request outside of a dialog with the next CSeq.
    pub fn request(&mut self, method: Method, uri: &str, to: &str) -> Request {
        self.cseq += 1;
        let from = NameAddr::new(Uri::sip(&self.account, sip::Host::Name(DOMAIN.to_owned()), None))
            .with_tag(&self.tag);
        let (via, to): (Via, NameAddr) = (self.via(), to.parse().unwrap());
        let uri = uri.parse().unwrap();
        let mut request = Request::with_core(method, uri, &via, &from, &to, &self.call_id, self.cseq);
        request.headers.push(name::CONTACT, self.contact());
        request
    }

    /// Sends a request and, when challenged, again with credentials. Returns the first response that is no 100.
    pub fn transact(&mut self, town: &mut Town, request: &Request) -> (Request, Response) {
        self.send(town, &request.to_bytes());
        let response = self.response(town);
        if response.code() != 401 {
            return (request.clone(), response);
        }
        if request.method == Method::INVITE {
            self.send(town, &request.ack_of_failure(&response).to_bytes());
        }
        let request = self.authorised(request, &response);
        self.send(town, &request.to_bytes());
        (request, self.response(town))
    }

    /// The request again with credentials for the first challenge of a 401.
    pub fn authorised(&mut self, request: &Request, response: &Response) -> Request {
        let challenge: Challenge = response.headers.challenges(name::WWW_AUTHENTICATE).unwrap()[0].clone();
        let credentials = Credentials::answer(
            &challenge,
            &self.account,
            &Private::new(self.password.clone()),
            request.method.as_str(),
            &request.uri.to_string(),
            "0a4f113b",
        );
        let mut request = request.clone();
        self.cseq += 1;
        request.headers.set(name::CSEQ, CSeq { number: self.cseq, method: request.method.clone() });
        request.headers.set_first(name::VIA, self.via());
        request.headers.set(name::AUTHORIZATION, credentials);
        request
    }

    /// A REGISTER that asks for `expires` seconds.
    pub fn register_request(&mut self, expires: u32) -> Request {
        let aor = format!("<sip:{}@{DOMAIN}>", self.account);
        let mut request = self.request(Method::REGISTER, &format!("sip:{DOMAIN}"), &aor);
        request.headers.push(name::EXPIRES, expires);
        request.headers.push(name::USER_AGENT, "Scripted/1");
        request
    }

    /// Registers and expects success.
    pub fn register(&mut self, town: &mut Town, expires: u32) -> Response {
        let own_call_id = format!("register-{}-{}", self.tag, self.address());
        let call_id = std::mem::replace(&mut self.call_id, own_call_id);
        let request = self.register_request(expires);
        let (_, response) = self.transact(town, &request);
        assert_eq!(response.code(), 200, "{response:?}");
        self.call_id = call_id;
        response
    }

    /// Calls a number with an offer; the credentials are given at once. Returns the INVITE that counts.
    pub fn call(&mut self, town: &mut Town, number: &str) -> Request {
        let body = self.sdp("sendrecv");
        self.call_with(town, number, |invite| invite.set_body("application/sdp", body))
    }

    /// Calls a number with an INVITE that `change` completes.
    pub fn call_with(&mut self, town: &mut Town, number: &str, change: impl FnOnce(&mut Request)) -> Request {
        self.call_id.push('x');
        self.local = None;
        let uri = format!("sip:{number}@{DOMAIN}");
        let mut invite = self.request(Method::INVITE, &uri, &format!("<{uri}>"));
        change(&mut invite);
        self.send(town, &invite.to_bytes());
        let response = self.response(town);
        assert_eq!(response.code(), 401, "{response:?}");
        self.send(town, &invite.ack_of_failure(&response).to_bytes());
        let invite = self.authorised(&invite, &response);
        self.send(town, &invite.to_bytes());
        assert_eq!(self.any_response(town).code(), 100, "100 Trying at once");
        invite
    }

    /// The next message to this phone, which must be a response.
    pub fn any_response(&self, town: &mut Town) -> Response {
        match town.take(self.address()) {
            Some(Message::Response(response)) => response,
            other => panic!("{} expected a response, got {other:?}", self.account),
        }
    }

    /// The next response that is no 100.
    pub fn response(&self, town: &mut Town) -> Response {
        loop {
            let response = self.any_response(town);
            if response.code() != 100 {
                return response;
            }
        }
    }

    /// The next response, which must have this status.
    pub fn expect(&self, town: &mut Town, status: u16) -> Response {
        let response = self.response(town);
        assert_eq!(response.code(), status, "{} expected {status}, got {response:?}", self.account);
        response
    }

    /// The final response to an INVITE, which must be this failure; it is acknowledged.
    pub fn expect_failure(&self, town: &mut Town, invite: &Request, status: u16) -> Response {
        let response = self.expect(town, status);
        self.send(town, &invite.ack_of_failure(&response).to_bytes());
        response
    }

    /// The next message, which must be a request with this method. An INVITE makes this phone the called one.
    pub fn expect_request(&mut self, town: &mut Town, method: &Method) -> Request {
        match town.take(self.address()) {
            Some(Message::Request(request)) if request.method == *method => {
                if *method == Method::INVITE && request.headers.to().unwrap().tag().is_none() {
                    self.be_called(&request);
                }
                request
            }
            other => panic!("{} expected {method}, got {other:?}", self.account),
        }
    }

    fn be_called(&mut self, invite: &Request) {
        self.call_id = invite.headers.call_id().unwrap().to_owned();
        self.remote = Some(invite.headers.from().unwrap());
        self.local = Some(invite.headers.to().unwrap().with_tag(&self.tag));
        self.target = Some(invite.headers.contact().unwrap().uri);
    }

    /// Nothing was sent to this phone.
    pub fn expect_silence(&self, town: &mut Town) {
        let next = town.take(self.address());
        assert!(next.is_none(), "{} expected nothing, got {next:?}", self.account);
    }

    /// Answers a request.
    pub fn respond(&self, town: &mut Town, request: &Request, status: u16, body: Option<Vec<u8>>) {
        self.respond_with(town, request, status, |response| {
            if let Some(body) = body {
                response.set_body("application/sdp", body);
            }
        });
    }

    /// Answers a request with a response that `change` completes.
    pub fn respond_with(
        &self,
        town: &mut Town,
        request: &Request,
        status: u16,
        change: impl FnOnce(&mut Response),
    ) {
        let mut response = request.response(status, Some(&self.tag));
        response.headers.push(name::CONTACT, self.contact());
        response.headers.push(name::ALLOW, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO");
        change(&mut response);
        self.send(town, &response.to_bytes());
    }

    /// Takes the dialog from a 2xx to our INVITE and acknowledges it.
    pub fn acknowledge(&mut self, town: &mut Town, invite: &Request, response: &Response) -> Request {
        self.remote = Some(response.headers.to().unwrap());
        self.local = Some(invite.headers.from().unwrap());
        self.target = Some(response.headers.contact().unwrap().uri);
        let cseq = invite.headers.cseq().unwrap().number;
        let ack = self.in_dialog(Method::ACK, cseq);
        self.send(town, &ack.to_bytes());
        ack
    }

    /// A request within the dialog with this CSeq number.
    pub fn in_dialog(&mut self, method: Method, cseq: u32) -> Request {
        let via = self.via();
        let (local, remote) = (self.local.clone().unwrap(), self.remote.clone().unwrap());
        let target = self.target.clone().unwrap();
        let mut request = Request::with_core(method, target, &via, &local, &remote, &self.call_id, cseq);
        request.headers.push(name::CONTACT, self.contact());
        request
    }

    /// The next request within the dialog.
    pub fn next_in_dialog(&mut self, method: Method) -> Request {
        self.cseq += 1;
        self.in_dialog(method, self.cseq)
    }

    /// Hangs up and expects the 200.
    pub fn hang_up(&mut self, town: &mut Town) {
        let bye = self.next_in_dialog(Method::BYE);
        self.send(town, &bye.to_bytes());
        self.expect(town, 200);
    }

    /// Takes the BYE of the exchange.
    pub fn expect_bye(&mut self, town: &mut Town) {
        let bye = self.expect_request(town, &Method::BYE);
        self.respond(town, &bye, 200, None);
    }

    /// Answers an INVITE and takes the ACK.
    pub fn answer(&mut self, town: &mut Town, invite: &Request) {
        let body = self.sdp("sendrecv");
        self.respond(town, invite, 200, Some(body));
        self.expect_request(town, &Method::ACK);
    }
}

/// `from` calls `number`, `to` answers: both talk.
pub fn connect(town: &mut Town, from: &mut Phone, to: &mut Phone, number: &str) {
    let invite = from.call(town, number);
    let rung = to.expect_request(town, &Method::INVITE);
    to.respond(town, &rung, 180, None);
    from.expect(town, 180);
    to.answer(town, &rung);
    let answer = from.expect(town, 200);
    from.acknowledge(town, &invite, &answer);
}

/// Address and port of the audio in a body, and its direction.
pub fn audio(body: &[u8]) -> (SocketAddr, String) {
    let stream = Description::parse(body).unwrap().relayed_stream().expect("audio");
    (stream.rtp.unwrap(), stream.direction.to_string())
}

/// Our address with a port.
pub fn ours(port: u16) -> SocketAddr {
    let local: SocketAddr = LOCAL.parse().unwrap();
    (local.ip(), port).into()
}
