//! The page of the network: what each link has, and, while no configuration is in force, a form to set it.

use std::net::IpAddr;

use model::InterfaceAddress;

use super::Ask;
use crate::facts::{Facts, LinkFacts, Mood};
use crate::terminal::keys::Key;
use crate::words::clean;

/// Longest input: an IPv6 address with its prefix length.
const INPUT_CHARS_MAX: usize = 43;

/// Fields of the form.
const FIELDS: usize = 2;

/// The page.
#[derive(Clone, Debug, Default)]
pub struct NetworkPage {
    /// Which link is chosen
    pub selected: usize,
    /// The form, when it is open
    pub form: Option<Form>,
    /// What came of the last attempt
    pub message: Option<(Mood, String)>,
}

/// Address and gateway of a link while they are typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// The link
    pub link: String,
    /// Own address with prefix length, then the gateway (may be empty)
    pub inputs: [String; FIELDS],
    /// Which of them is typed into
    pub focus: usize,
    /// hostd has been asked and has not answered
    pub is_sent: bool,
}

impl NetworkPage {
    /// Does what a key means here.
    pub(super) fn press(&mut self, key: Key, facts: &Facts) -> Option<Ask> {
        if self.form.is_some() {
            return self.type_into_form(key, facts);
        }
        match key {
            Key::Up => self.selected = self.selected.saturating_sub(1),
            Key::Down => self.selected = (self.selected + 1).min(facts.links.len().saturating_sub(1)),
            Key::Enter if facts.may_set_network == Some(true) => {
                let link = facts.links.get(self.selected)?;
                self.message = None;
                self.form = Some(Form {
                    link: link.name.clone(),
                    inputs: [link.addresses.first().cloned().unwrap_or_default(), facts.gateway.clone()],
                    ..Form::default()
                });
            }
            _ => {}
        }
        None
    }

    /// Takes hostd's answer.
    pub(super) fn take(&mut self, outcome: Result<(), String>) {
        let Some(form) = &mut self.form else { return };
        match outcome {
            Ok(()) => {
                self.message = Some((Mood::Good, format!("{} now has {}.", form.link, form.inputs[0])));
                self.form = None;
            }
            Err(words) => {
                form.is_sent = false;
                self.message = Some((Mood::Bad, clean(&words)));
            }
        }
    }

    /// A configuration has come into force, or the links have changed.
    pub(super) fn adapt(&mut self, facts: &Facts) {
        self.selected = self.selected.min(facts.links.len().saturating_sub(1));
        if facts.may_set_network != Some(true) && self.form.as_ref().is_some_and(|form| !form.is_sent) {
            self.form = None;
        }
    }

    fn type_into_form(&mut self, key: Key, facts: &Facts) -> Option<Ask> {
        let form = self.form.as_mut()?;
        if form.is_sent {
            return None;
        }
        match key {
            Key::Escape => {
                self.form = None;
                self.message = None;
            }
            Key::Up | Key::BackTab => form.focus = (form.focus + FIELDS - 1) % FIELDS,
            Key::Down | Key::Tab => form.focus = (form.focus + 1) % FIELDS,
            Key::Backspace | Key::Delete => {
                form.inputs[form.focus].pop();
            }
            Key::Char(character)
                if is_of_address(character) && form.inputs[form.focus].len() < INPUT_CHARS_MAX =>
            {
                form.inputs[form.focus].push(character);
            }
            Key::Enter if form.focus + 1 < FIELDS => form.focus += 1,
            Key::Enter => match check(form, &facts.links) {
                Ok(()) => {
                    form.is_sent = true;
                    self.message = None;
                    let [address, gateway] = form.inputs.clone();
                    return Some(Ask::SetNetwork { link: form.link.clone(), address, gateway });
                }
                Err((field, words)) => {
                    form.focus = field;
                    self.message = Some((Mood::Bad, words));
                }
            },
            _ => {}
        }
        None
    }
}

fn is_of_address(character: char) -> bool {
    character.is_ascii_hexdigit() || matches!(character, '.' | ':' | '/')
}

/// What is wrong with the input: in which field, and what to write instead.
fn check(form: &Form, links: &[LinkFacts]) -> Result<(), (usize, String)> {
    let [address, gateway] = &form.inputs;
    let own: InterfaceAddress =
        address.parse().map_err(|error: model::InterfaceAddressError| (0, format!("{error}.")))?;
    let others = links.iter().filter(|link| link.name != form.link);
    for (link, other) in others.flat_map(|link| link.addresses.iter().map(move |other| (link, other))) {
        if other.parse().is_ok_and(|other: InterfaceAddress| own.overlaps(other)) {
            return Err((0, format!("{} has {other}: two links must not share a network.", link.name)));
        }
    }
    if gateway.is_empty() {
        return Ok(());
    }
    let router: IpAddr = gateway.parse().map_err(|_| {
        (1, format!("{gateway:?} is no address; write e.g. \"10.20.0.254\", or nothing for no gateway."))
    })?;
    if router == own.address {
        return Err((
            1,
            "The gateway is another machine: its address must differ from this box's.".to_owned(),
        ));
    }
    let reachable = own.reaches(router)
        || links
            .iter()
            .filter(|link| link.name != form.link)
            .flat_map(|link| &link.addresses)
            .any(|other| other.parse().is_ok_and(|other: InterfaceAddress| other.reaches(router)));
    if !reachable {
        return Err((1, format!("{router} is not in the network of {own}: it could not be reached.")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        let link = |name: &str, address: &str| LinkFacts {
            name: name.to_owned(),
            carrier: true,
            hardware_address: String::new(),
            addresses: vec![address.to_owned()],
            resource: String::new(),
        };
        let links = vec![link("lan0", "10.20.0.1/24"), link("sync0", "10.30.0.1/24")];
        Facts { links, may_set_network: Some(true), ..Facts::default() }
    }

    /// Opens the form of the first link and types both fields anew.
    fn typed(address: &str, gateway: &str) -> (NetworkPage, Option<Ask>) {
        let facts = facts();
        let mut page = NetworkPage::default();
        page.press(Key::Enter, &facts);
        let mut ask = None;
        for text in [address, gateway] {
            for _ in 0..INPUT_CHARS_MAX {
                page.press(Key::Backspace, &facts);
            }
            for character in text.chars() {
                page.press(Key::Char(character), &facts);
            }
            ask = page.press(Key::Enter, &facts);
        }
        (page, ask)
    }

    fn refused(address: &str, gateway: &str) -> (usize, String) {
        let (page, ask) = typed(address, gateway);
        assert_eq!(ask, None, "{address} {gateway}");
        (page.form.expect("still open").focus, page.message.expect("a reason").1)
    }

    /// Item 7 of the appliance: what is good is sent as typed, once.
    #[test]
    fn a_good_address_is_sent() {
        let (mut page, ask) = typed("192.168.1.10/24", "192.168.1.1");
        let wanted = Ask::SetNetwork {
            link: "lan0".to_owned(),
            address: "192.168.1.10/24".to_owned(),
            gateway: "192.168.1.1".to_owned(),
        };
        assert_eq!(ask, Some(wanted));
        assert_eq!(page.press(Key::Enter, &facts()), None, "it is on its way");
        page.take(Ok(()));
        assert_eq!(page.form, None);
        assert_eq!(page.message, Some((Mood::Good, "lan0 now has 192.168.1.10/24.".to_owned())));
    }

    /// Input is checked before hostd is asked, and the words say what to write.
    #[test]
    fn wrong_input_is_refused_with_a_reason() {
        for (address, gateway, field, words) in [
            ("192.168.1.10", "", 0, "prefix length"),
            ("192.168.1.0/24", "", 0, "network itself"),
            ("10.30.0.9/24", "", 0, "sync0 has 10.30.0.1/24"),
            ("192.168.1.10/24", "192.168", 1, "is no address"),
            ("192.168.1.10/24", "192.168.2.1", 1, "not in the network"),
            ("192.168.1.10/24", "192.168.1.10", 1, "another machine"),
        ] {
            let (focus, reason) = refused(address, gateway);
            assert_eq!(focus, field, "{reason}");
            assert!(reason.contains(words), "{words} in: {reason}");
        }
    }

    /// The gateway may be behind another link, or absent.
    #[test]
    fn the_gateway_may_be_elsewhere_or_nowhere() {
        assert!(typed("192.168.1.10/24", "10.30.0.254").1.is_some());
        assert!(typed("192.168.1.10/24", "").1.is_some());
    }

    /// hostd has the last word, and its words are shown.
    #[test]
    fn a_refusal_of_hostd_is_shown_and_can_be_corrected() {
        let (mut page, _) = typed("192.168.1.10/24", "");
        page.take(Err("the disk is full".to_owned()));
        assert_eq!(page.message, Some((Mood::Bad, "the disk is full".to_owned())));
        assert!(page.form.as_ref().is_some_and(|form| !form.is_sent));
        assert!(page.press(Key::Enter, &facts()).is_some(), "once more");
    }

    /// A configuration that comes into force closes the form: the network is its business then.
    #[test]
    fn a_configuration_closes_the_form() {
        let configured = Facts { may_set_network: Some(false), ..facts() };
        let mut page = NetworkPage::default();
        page.press(Key::Enter, &configured);
        assert_eq!(page.form, None);
        page.press(Key::Enter, &facts());
        assert!(page.form.is_some());
        page.adapt(&configured);
        assert_eq!(page.form, None);
    }

    /// Input is bounded, and letters that are in no address are not taken.
    #[test]
    fn input_is_bounded() {
        let mut page = NetworkPage::default();
        page.press(Key::Enter, &facts());
        for character in "xyz".chars().chain(std::iter::repeat_n('1', 2 * INPUT_CHARS_MAX)) {
            page.press(Key::Char(character), &facts());
        }
        let input = &page.form.expect("open").inputs[0];
        assert!(input.len() == INPUT_CHARS_MAX && !input.contains('x'), "{input}");
    }
}
