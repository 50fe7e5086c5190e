//! One process of rsigma, the library: reads JSON lines, evaluates them, prints what that cost as one JSON object.
//!
//! usage: PEER --version V --rules FOLDER --events FILE --sources FILE --form FORM --input INPUT [--skip N] [--take N]
//!        [--verdicts FILE]
//!
//! `events`: one flat JSON object a line. `sources`: on the same line, the Sigma log sources that the event feeds, as
//! `product/category/service` separated by blanks; so routing is handed to rsigma for nothing.
//!
//! FORM: `routed` (rules whose log source conflicts with the event's are skipped; fails open), `subset` (only rules whose log
//! source is part of one that the event feeds), `open` (every rule; for strict rules, which ask for channel and id themselves).
//! INPUT: `lines` (JSON text, read and evaluated line by line), `decoded` (values read beforehand, a block at a time; only
//! evaluation counts). The lines to skip are evaluated but not counted; `take` counts
//! that many after them. With `--verdicts` nothing is timed:
//! `rule id <tab> line` goes to the file.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rsigma_eval::{Engine, EvaluationResult, JsonEvent};
use rsigma_parser::{LogSource, SigmaRule, parse_sigma_file};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

type Failure = Box<dyn std::error::Error>;

/// Lines read before they are evaluated, where only evaluation counts: small enough to stay in the cache of the processor.
const BLOCK: usize = 256;

/// How an event meets the rules.
#[derive(Clone, Copy, PartialEq)]
enum Form {
    Routed,
    Subset,
    Open,
}

/// The log sources of one kind of event.
struct Fed {
    common: LogSource,
    each: Vec<LogSource>,
}

struct Loaded {
    engine: Engine,
    refused: Vec<Value>,
    files: usize,
}

fn main() -> Result<(), Failure> {
    let began = Instant::now();
    let asked = arguments();
    let need = |name: &str| asked.get(name).cloned().ok_or(format!("--{name} is missing"));
    let form = match need("form")?.as_str() {
        "routed" => Form::Routed,
        "subset" => Form::Subset,
        "open" => Form::Open,
        other => return Err(format!("no form {other}").into()),
    };
    let loaded = load(Path::new(&need("rules")?))?;
    let start = json!({"cpu": cpu_seconds(), "wall": began.elapsed().as_secs_f64(), "mib": peak_mib()?});
    let (text, sources) = (fs::read(need("events")?)?, fs::read_to_string(need("sources")?)?);
    let lines = lines_of(&text);
    let (kinds, fed) = fed_of(&sources);
    if kinds.len() != lines.len() {
        return Err(format!("{} lines, {} log sources", lines.len(), kinds.len()).into());
    }
    let evaluate = |event: &Value, line: usize| evaluated(&loaded.engine, form, event, &fed[kinds[line]]);
    let first: usize = asked.get("skip").map_or(Ok(0), |lines| lines.parse())?;
    let counted: usize = asked.get("take").map_or(Ok(lines.len()), |lines| lines.parse())?;
    let lines = &lines[..lines.len().min(first + counted)];
    if let Some(file) = asked.get("verdicts") {
        return Ok(fs::write(file, verdicts(lines, &evaluate)?)?);
    }
    let mut found = 0;
    for (line, text) in lines.iter().enumerate().take(first) {
        found += evaluate(&serde_json::from_slice(text)?, line).len();
    }
    black_box(found);
    let timed = match need("input")?.as_str() {
        "lines" => from_lines(lines, first, &evaluate)?,
        "decoded" => from_decoded(lines, first, &evaluate)?,
        other => return Err(format!("no input {other}").into()),
    };
    let figures = json!({
        "version": need("version")?, "files": loaded.files, "rules": loaded.engine.rule_count(), "refused": loaded.refused,
        "start": start, "events": lines.len() - first, "timed": timed, "peak_mib": peak_mib()?,
    });
    println!("{figures}");
    Ok(())
}

fn arguments() -> HashMap<String, String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    words
        .chunks(2)
        .filter(|pair| pair.len() == 2)
        .map(|pair| (pair[0].trim_start_matches('-').into(), pair[1].clone()))
        .collect()
}

/// Load every rule below `folder`; what rsigma refuses is told, not hidden.
fn load(folder: &Path) -> Result<Loaded, Failure> {
    let mut files = Vec::new();
    walk(folder, &mut files)?;
    files.sort();
    let mut refused = Vec::new();
    let mut refuse =
        |path: &Path, why: String| refused.push(json!({"file": path.file_name().unwrap().to_string_lossy(), "why": why}));
    let mut rules: Vec<(PathBuf, SigmaRule)> = Vec::new();
    for path in &files {
        match parse_sigma_file(path) {
            Ok(parsed) if parsed.rules.is_empty() => refuse(path, "no rule read".into()),
            Ok(parsed) => rules.extend(parsed.rules.into_iter().map(|rule| (path.clone(), rule))),
            Err(error) => refuse(path, error.to_string()),
        }
    }
    let mut engine = Engine::new();
    for (index, error) in engine.add_rules(rules.iter().map(|(_, rule)| rule)) {
        refuse(&rules[index].0, error.to_string());
    }
    Ok(Loaded {
        engine,
        refused,
        files: files.len(),
    })
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, found)?;
        } else if path.extension().is_some_and(|end| end == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

fn lines_of(text: &[u8]) -> Vec<&[u8]> {
    let mut lines = Vec::new();
    let mut from = 0;
    for end in memchr::memchr_iter(b'\n', text) {
        lines.push(&text[from..end]);
        from = end + 1;
    }
    lines
}

/// Return the kind of each line, and what each kind feeds.
fn fed_of(sources: &str) -> (Vec<usize>, Vec<Fed>) {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut fed = Vec::new();
    let kinds = sources.lines().map(|text| {
        *numbers.entry(text).or_insert_with(|| {
            fed.push(fed_by(text));
            fed.len() - 1
        })
    });
    (kinds.collect(), fed)
}

fn fed_by(text: &str) -> Fed {
    let each: Vec<LogSource> = text.split_whitespace().map(log_source).collect();
    let shared = |pick: fn(&LogSource) -> &Option<String>| {
        let first = each.first().and_then(|one| pick(one).clone());
        first.filter(|value| each.iter().all(|one| pick(one).as_ref() == Some(value)))
    };
    let common = LogSource {
        product: shared(|one| &one.product),
        category: shared(|one| &one.category),
        service: shared(|one| &one.service),
        ..LogSource::default()
    };
    Fed { common, each }
}

fn log_source(triple: &str) -> LogSource {
    let mut parts = triple.split('/').map(|part| (!part.is_empty()).then(|| part.to_string()));
    let (product, category, service) = (parts.next().flatten(), parts.next().flatten(), parts.next().flatten());
    LogSource {
        product,
        category,
        service,
        ..LogSource::default()
    }
}

fn evaluated(engine: &Engine, form: Form, event: &Value, fed: &Fed) -> Vec<EvaluationResult> {
    let event = JsonEvent::borrow(event);
    match form {
        Form::Open => engine.evaluate(&event),
        Form::Routed => engine.evaluate_pruned(&event, &fed.common),
        Form::Subset => fed
            .each
            .iter()
            .flat_map(|source| engine.evaluate_with_logsource(&event, source))
            .collect(),
    }
}

type Evaluate<'a> = dyn Fn(&Value, usize) -> Vec<EvaluationResult> + 'a;

fn from_lines(lines: &[&[u8]], first: usize, evaluate: &Evaluate) -> Result<Value, Failure> {
    let (cpu, wall) = (cpu_seconds(), Instant::now());
    let mut matches = 0;
    for (line, text) in lines.iter().enumerate().skip(first) {
        let event: Value = serde_json::from_slice(text)?;
        matches += evaluate(&event, line).len();
    }
    Ok(json!({"cpu": cpu_seconds() - cpu, "wall": wall.elapsed().as_secs_f64(), "matches": matches}))
}

fn from_decoded(lines: &[&[u8]], first: usize, evaluate: &Evaluate) -> Result<Value, Failure> {
    let (mut reading, mut evaluating, mut matches, mut line) = (0.0, 0.0, 0, first);
    for block in lines[first..].chunks(BLOCK) {
        let cpu = cpu_seconds();
        let events: Vec<Value> = block
            .iter()
            .map(|text| serde_json::from_slice(text))
            .collect::<Result<_, _>>()?;
        let read = cpu_seconds();
        for event in &events {
            matches += evaluate(event, line).len();
            line += 1;
        }
        evaluating += cpu_seconds() - read;
        reading += read - cpu;
    }
    Ok(json!({"cpu": evaluating, "reading_cpu": reading, "matches": matches}))
}

fn verdicts(lines: &[&[u8]], evaluate: &Evaluate) -> Result<String, Failure> {
    let mut found = String::new();
    for (line, text) in lines.iter().enumerate() {
        for result in evaluate(&serde_json::from_slice(text)?, line) {
            writeln!(found, "{}\t{}", result.header.rule_id.unwrap_or_default(), line + 1)?;
        }
    }
    Ok(found)
}

fn cpu_seconds() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a timespec of ours that lives through the call.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn peak_mib() -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).ok_or("no VmHWM")?;
    Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse::<f64>()? / 1024.0)
}
