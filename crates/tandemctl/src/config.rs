//! `tandemctl config`: the configuration as one text (rows U1, U2, U8, U13 to U15).

use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context, bail};
use daemon::bus::store::{Change, Outcome, Problem, StoreProxy};
use daemon::memfd;
use daemon::zbus::Connection;
use jiff::Timestamp;
use model::Config;

use crate::arguments::{Apply, ConfigVerb};
use crate::bus::explain;

/// Does what `verb` says and returns what to print.
pub async fn answer(connection: &Connection, verb: ConfigVerb) -> anyhow::Result<String> {
    let store = StoreProxy::new(connection).await.context("addressing the store")?;
    match verb {
        ConfigVerb::Show { form, redacted } => {
            let (revision, text) = in_force(&store).await?;
            let text = if redacted { parse_stored(&text)?.to_text_redacted() } else { text };
            if form.json {
                return Ok(serde_json::json!({ "revision": revision, "text": text }).to_string() + "\n");
            }
            let heading = if revision == 0 {
                "# no configuration yet".to_owned()
            } else {
                format!("# revision {revision}")
            };
            Ok(format!("{heading}\n{text}"))
        }
        ConfigVerb::Export => {
            let (revision, text) = in_force(&store).await?;
            if revision == 0 {
                bail!("there is no configuration yet: give the first one with `tandemctl config apply FILE`");
            }
            Ok(text)
        }
        ConfigVerb::Diff { file } => difference(&store, &file).await,
        ConfigVerb::Apply(wish) if wish.dry_run => {
            Ok(difference(&store, &wish.file).await? + "dry run: nothing was changed\n")
        }
        ConfigVerb::Apply(wish) => apply(&store, &wish).await,
    }
}

/// Revision and text in force; 0 and nothing before the first.
async fn in_force(store: &StoreProxy<'_>) -> anyhow::Result<(u64, String)> {
    let (revision, descriptor) = store.configuration().await.map_err(explain("stored"))?;
    let bytes = memfd::read(OwnedFd::from(descriptor), memfd::CONFIGURATION_BYTES_MAX)?;
    Ok((revision, String::from_utf8(bytes).context("the stored configuration is no UTF-8")?))
}

fn parse_stored(text: &str) -> anyhow::Result<Config> {
    parse(text, Path::new("the stored configuration"))
}

/// What applying `file` would change, one object a line.
async fn difference(store: &StoreProxy<'_>, file: &Path) -> anyhow::Result<String> {
    let new = parse(&read(file)?, file)?;
    let (revision, text) = in_force(store).await?;
    let old = if revision == 0 { None } else { Some(parse_stored(&text)?) };
    let changes = model::diff(old.as_ref(), &new);
    let lines: String =
        changes.iter().map(|change| format!("{}  {}\n", change.action, change.description)).collect();
    Ok(format!("{lines}{} object(s) differ from revision {revision}\n", changes.len()))
}

async fn apply(store: &StoreProxy<'_>, wish: &Apply) -> anyhow::Result<String> {
    let text = read(&wish.file)?;
    let descriptor = memfd::write("configuration", text.as_bytes())?;
    let change = Change {
        transaction_id: wish.transaction.clone().unwrap_or_else(transaction_id),
        author: wish.author.clone(),
        source_address: source_address(std::env::var("SSH_CLIENT").ok().as_deref()),
        description: wish.description.clone(),
        base_revision: wish.base,
    };
    let outcome = store.apply(change, descriptor.into()).await.map_err(explain("stored"))?;
    // Scripts get the outcome of a refused change too; why it was refused is said on stderr as well.
    if wish.form.json && !outcome.applied {
        writeln!(io::stdout(), "{}", serde_json::to_string(&outcome)?).context("writing the answer")?;
    }
    if !outcome.problems.is_empty() {
        bail!("{}", refusal(&wish.file, &outcome.problems));
    }
    let answer = people(&outcome)?;
    if wish.form.json { Ok(serde_json::to_string(&outcome)? + "\n") } else { Ok(answer) }
}

fn people(outcome: &Outcome) -> anyhow::Result<String> {
    if !outcome.applied {
        bail!(
            "the store has not applied transaction {} and gives no reason: see the log of stored",
            outcome.transaction_id
        );
    }
    let protection = if outcome.protected {
        "on the disks of both nodes"
    } else {
        "on this node's disk only: no peer has confirmed it, one that is away gets it when it is back"
    };
    Ok(format!(
        "revision {} in force, {} object(s) changed, {protection} (transaction {})\n",
        outcome.revision, outcome.rows, outcome.transaction_id
    ))
}

fn read(file: &Path) -> anyhow::Result<String> {
    let mut octets = Vec::new();
    let outcome = if file == Path::new("-") {
        io::stdin().read_to_end(&mut octets).map(|_| octets)
    } else {
        fs::read(file)
    };
    let octets = outcome.with_context(|| format!("reading the configuration {}", file.display()))?;
    text_of(octets).map_err(|problem| anyhow::anyhow!("{}", refusal(file, &[problem])))
}

/// The octets as text; what is none is a problem with its line, as all others are.
fn text_of(octets: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(octets).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let lines = good.iter().filter(|octet| **octet == b'\n').count();
        let line = u32::try_from(lines).map_or(0, |lines| lines.saturating_add(1));
        Problem { path: String::new(), line, message: "is no UTF-8; save the file as UTF-8 text".to_owned() }
    })
}

fn parse(text: &str, file: &Path) -> anyhow::Result<Config> {
    Config::parse(text).map_err(|problems| {
        let problems: Vec<Problem> = problems
            .into_iter()
            .map(|problem| Problem { path: problem.path, line: problem.line, message: problem.message })
            .collect();
        anyhow::anyhow!("{}", refusal(file, &problems))
    })
}

/// Every problem as `file:line: path: message`, which editors jump to.
fn refusal(file: &Path, problems: &[Problem]) -> String {
    let mut text =
        format!("the configuration is refused whole, nothing was changed; {} problem(s):", problems.len());
    for problem in problems {
        text.push_str(&format!("\n{}:", file.display()));
        if problem.line > 0 {
            text.push_str(&format!("{}:", problem.line));
        }
        if !problem.path.is_empty() {
            text.push_str(&format!(" {}:", problem.path));
        }
        text.push_str(&format!(" {}", problem.message));
    }
    text
}

/// A name that no other transaction has: time to the nanosecond and this process.
fn transaction_id() -> String {
    format!("tandemctl-{:.9}-{}", Timestamp::now(), std::process::id())
}

/// Where the author sits (row U11): the client of an SSH session, else `local`.
fn source_address(ssh_client: Option<&str>) -> String {
    ssh_client.and_then(|client| client.split_whitespace().next()).unwrap_or("local").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Issue 2: every problem of a bad file by path and line, in a form that editors understand.
    #[test]
    fn problems_name_file_line_and_path() {
        let error =
            parse("[system]\ndomain = 7\n[nonsense]\n", Path::new("site.toml")).expect_err("it is wrong");
        let text = error.to_string();
        assert!(text.contains("\nsite.toml:2: system.domain: "), "{text}");
        assert!(text.contains("\nsite.toml:3: nonsense: "), "{text}");
    }

    /// Issue 2: also a file in another encoding is refused with the line.
    #[test]
    fn encoding_is_a_problem_with_its_line() {
        assert_eq!(text_of("[system]\n# ü\n".into()).as_deref(), Ok("[system]\n# ü\n"));
        let problem = text_of(b"[system]\n# gr\xfc\xdfe\n".to_vec()).expect_err("Latin-1");
        let text = refusal(Path::new("site.toml"), &[problem]);
        assert!(text.ends_with("\nsite.toml:2: is no UTF-8; save the file as UTF-8 text"), "{text}");
    }

    /// U11: the audit row says where a change came from.
    #[test]
    fn source_is_the_ssh_client() {
        assert_eq!(source_address(Some("192.0.2.7 50122 22")), "192.0.2.7");
        assert_eq!(source_address(None), "local");
    }

    /// A change that is on one disk only is said to be.
    #[test]
    fn outcome_says_whether_it_is_protected() {
        let mut outcome = Outcome {
            transaction_id: "t".into(),
            applied: true,
            revision: 3,
            protected: false,
            rows: 2,
            problems: Vec::new(),
        };
        assert!(people(&outcome).expect("applied").contains("this node's disk only"));
        outcome.protected = true;
        assert!(people(&outcome).expect("applied").contains("both nodes"));
        outcome.applied = false;
        assert!(people(&outcome).is_err());
    }
}
