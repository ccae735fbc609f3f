//! Rules that concern more than one key, and that a JSON Schema cannot say.

use std::collections::BTreeMap;
use std::path::Path;

use super::caller_settings::{AuthenticationSettings, CallerSettings, ModelSettings, TargetSettings};
use super::settings::Settings;
use crate::bedrock::is_region;
use crate::callers::{ANONYMOUS, IdentityPattern};
use crate::net::ServerTls;

/// The path of a key, and what is wrong there.
type Broken = (Vec<String>, String);

/// Checks all rules.
pub(super) fn check_rules(settings: &Settings) -> Vec<Broken> {
    let mut broken = Vec::new();
    check_files(settings, &mut broken);
    check_tls(settings, &mut broken);
    for region in settings.aws.endpoints.keys().filter(|region| !is_region(region)) {
        broken.push((path(["aws", "endpoints", region]), "not an AWS Region such as `us-east-1`".to_owned()));
    }
    check_origins(settings, &mut broken);
    for (name, model) in &settings.models {
        check_model(name, model, settings, &mut broken);
    }
    check_callers(&settings.callers, settings, &mut broken);
    check_authentication(&settings.authentication, settings, &mut broken);
    broken
}

fn path<const N: usize>(parts: [&str; N]) -> Vec<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A name becomes a label of metrics and part of log lines.
fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@:".contains(&byte);
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(fits) {
        return Ok(());
    }
    Err("a name has 1 to 64 letters, digits or any of - _ . / @ :".to_owned())
}

fn check_files(settings: &Settings, broken: &mut Vec<Broken>) {
    let mut check = |key: Vec<String>, file: &Path| {
        if let Err(error) = std::fs::File::open(file) {
            broken.push((key, format!("the file {} cannot be read: {error}", file.display())));
        }
    };
    if let Some(tls) = &settings.server.tls {
        check(path(["server", "tls", "certificate"]), &tls.certificate);
        check(path(["server", "tls", "key"]), &tls.key);
        tls.client_ca.iter().for_each(|file| check(path(["server", "tls", "client_ca"]), file));
    }
    settings.admin.token_file.iter().for_each(|file| check(path(["admin", "token_file"]), file));
    settings.prices.file.iter().for_each(|file| check(path(["prices", "file"]), file));
    settings.aws.ca.iter().for_each(|file| check(path(["aws", "ca"]), file));
    for (name, jwt) in &settings.authentication.jwt {
        jwt.ca.iter().for_each(|file| check(path(["authentication", "jwt", name, "ca"]), file));
        if !jwt.jwks.contains("://") {
            check(path(["authentication", "jwt", name, "jwks"]), Path::new(&jwt.jwks));
        }
    }
}

fn check_tls(settings: &Settings, broken: &mut Vec<Broken>) {
    let Some(tls) = &settings.server.tls else { return };
    if tls.client_certificates == super::ClientCertificates::Optional && tls.client_ca.is_none() {
        let key = path(["server", "tls", "client_certificates"]);
        broken.push((key, "needs `client_ca`: without it no certificate is requested".to_owned()));
    }
    let files = [Some(&tls.certificate), Some(&tls.key), tls.client_ca.as_ref()];
    // A file that cannot be read has its own message.
    let are_readable = files.into_iter().flatten().all(|file| std::fs::File::open(file).is_ok());
    if let Some(Err(error)) = settings.tls_options().filter(|_| are_readable).as_ref().map(ServerTls::load) {
        broken.push((path(["server", "tls"]), error.to_string()));
    }
}

fn check_origins(settings: &Settings, broken: &mut Vec<Broken>) {
    let server = &settings.server;
    if !server.cors_allow_origin.is_empty() && !server.grpc_web {
        broken.push((path(["server", "cors_allow_origin"]), "needs `grpc_web: true` (--grpc-web)".to_owned()));
    }
}

fn check_model(name: &str, model: &ModelSettings, settings: &Settings, broken: &mut Vec<Broken>) {
    let key = |rest: &[&str]| ["models", name].iter().chain(rest).map(|part| (*part).to_owned()).collect::<Vec<_>>();
    if let Err(problem) = check_name(name) {
        broken.push((key(&[]), problem));
    }
    for (index, target) in model.targets.iter().enumerate() {
        let needs_role = [
            ("external_id", &target.external_id),
            ("session_name", &target.session_name),
            ("caller_tag", &target.caller_tag),
        ];
        for (name, _) in needs_role.iter().filter(|(_, value)| value.is_some() && target.role.is_none()) {
            broken.push((key(&["targets", &index.to_string(), name]), "needs `role`".to_owned()));
        }
        let is_same = |other: &TargetSettings| {
            let place = |target: &TargetSettings| {
                (target.model.clone(), target.region.clone(), target.role.clone(), target.profile.clone())
            };
            place(other) == place(target)
        };
        if let Some(first) = model.targets[..index].iter().position(is_same) {
            let problem = format!("the same model, Region and identity as targets[{first}]");
            broken.push((key(&["targets", &index.to_string()]), problem));
        }
        let allowed = &settings.aws.regions;
        if let Some(region) = &target.region
            && !allowed.is_empty()
            && !allowed.contains(region)
        {
            broken.push((key(&["targets", &index.to_string(), "region"]), format!("`{region}` is not in aws.regions")));
        }
    }
    let tokens = model.max_tokens;
    if let (Some(default), Some(limit)) = (tokens.default, tokens.limit)
        && default > limit
    {
        broken.push((key(&["max_tokens", "default"]), format!("{default} is above the limit, {limit}")));
    }
}

fn check_callers(callers: &BTreeMap<String, CallerSettings>, settings: &Settings, broken: &mut Vec<Broken>) {
    let issuers = &settings.authentication.jwt;
    let mut seen: BTreeMap<String, &str> = BTreeMap::new();
    for (name, caller) in callers {
        let key =
            |rest: &[&str]| ["callers", name].iter().chain(rest).map(|part| (*part).to_owned()).collect::<Vec<_>>();
        if let Err(problem) = check_name(name) {
            broken.push((key(&[]), problem));
        }
        if name == ANONYMOUS {
            broken.push((key(&[]), format!("the name `{ANONYMOUS}` is reserved")));
        }
        for (index, identity) in caller.identity.iter().enumerate() {
            let place = key(&["identity", &index.to_string()]);
            // Two callers with the same identity would make the first one win.
            if let Some(other) = seen.insert(identity.unique_part(), name) {
                broken.push((place.clone(), format!("the caller `{other}` has the same identity")));
            }
            let IdentityPattern::Jwt(subject) = identity else { continue };
            let subject = subject.to_string();
            if issuers.is_empty() {
                broken.push((place, "needs an issuer in authentication.jwt".to_owned()));
            } else if issuers.len() > 1 && !issuers.keys().any(|name| subject.starts_with(&format!("{name}/"))) {
                let names = issuers.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
                let problem = format!("with several issuers, write jwt:ISSUER/SUBJECT, with ISSUER one of {names}");
                broken.push((place, problem));
            }
        }
        for (index, region) in caller.regions.iter().enumerate() {
            let allowed = &settings.aws.regions;
            if !allowed.is_empty() && !allowed.contains(region) {
                broken.push((key(&["regions", &index.to_string()]), format!("`{region}` is not in aws.regions")));
            }
        }
    }
}

fn check_authentication(authentication: &AuthenticationSettings, settings: &Settings, broken: &mut Vec<Broken>) {
    for name in authentication.jwt.keys() {
        if let Err(problem) = check_name(name) {
            broken.push((path(["authentication", "jwt", name]), problem));
        } else if name.contains('/') {
            broken.push((path(["authentication", "jwt", name]), "the name of an issuer has no `/`".to_owned()));
        }
    }
    if !authentication.jwt.is_empty() && settings.callers.is_empty() {
        let problem = "needs callers: without them every caller is anonymous, with or without a token".to_owned();
        broken.push((path(["authentication", "jwt"]), problem));
    }
    if authentication.health && settings.callers.is_empty() {
        broken.push((path(["authentication", "health"]), "needs callers".to_owned()));
    }
    if let Some(key) = &authentication.request_metadata
        && (key.is_empty()
            || key.len() > 256
            || !key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.:/".contains(&b)))
    {
        let place = path(["authentication", "request_metadata"]);
        broken.push((place, "a key of request metadata has 1 to 256 letters, digits or any of _ - . : /".to_owned()));
    }
}
