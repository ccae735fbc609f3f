//! Compares the descriptor with the facts of AWS's model.

use std::collections::BTreeSet;

use bedrock_grpc_schema::operation::{OPERATIONS, PayloadKind, Service};
use prost_reflect::{DescriptorPool, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};

use crate::support::aws_json::pool;
use crate::support::aws_model::AwsModel;

/// The AWS services of the schema.
fn services() -> Vec<&'static Service> {
    let mut services: Vec<_> = OPERATIONS.iter().map(|row| row.service).collect();
    services.dedup_by_key(|service| service.name);
    services
}

/// Whether the oneof belongs to a union. Other oneofs have the two forms of a document.
fn holds_union(oneof: &OneofDescriptor) -> bool {
    oneof.fields().any(|f| f.name() == "unrecognized")
}

/// The differences between schema and model, in AWS's names, and the number of members that were compared.
#[derive(Default)]
struct Comparison {
    seen: BTreeSet<String>,
    compared: usize,
    wrong: Vec<String>,
}

impl Comparison {
    fn compare_structure(&mut self, model: &AwsModel, pool: &DescriptorPool, name: &str, kind: &MessageDescriptor) {
        if !self.seen.insert(kind.full_name().to_owned()) {
            return;
        }
        let fact = model.shape(name);
        let is_union = fact.union || fact.eventstream;
        let mut expected: BTreeSet<_> = fact.members.keys().cloned().collect();
        for (member, reference) in &fact.members {
            let shape = model.shape(&reference.shape);
            if shape.exception {
                continue; // a status, never a message
            }
            if shape.eventstream {
                // A stream of requests: each message has one event, and the members that are not in the stream.
                expected.remove(member);
                for (event, reference) in &shape.members {
                    expected.insert(event.clone());
                    self.compare_field(model, pool, kind, &format!("{name}.{event}"), &reference.shape, true);
                }
                continue;
            }
            self.compare_field(model, pool, kind, &format!("{name}.{member}"), &reference.shape, is_union);
        }
        let is_gateways = |f: &FieldDescriptor| (100..200).contains(&f.number());
        let extra = kind.fields().filter(|f| !is_gateways(f) && !expected.contains(f.json_name()));
        self.wrong.extend(extra.map(|f| format!("{name}.{} is not in AWS's model", f.json_name())));
    }

    /// The field at `path`, whose last part is its JSON name.
    fn compare_field(
        &mut self,
        model: &AwsModel,
        pool: &DescriptorPool,
        kind: &MessageDescriptor,
        path: &str,
        shape: &str,
        is_union: bool,
    ) {
        self.compared += 1;
        let Some(field) = kind.get_field_by_json_name(path.rsplit('.').next().unwrap()) else {
            self.wrong.push(format!("{path} is missing"));
            return;
        };
        let in_union = field.containing_oneof().is_some_and(|oneof| holds_union(&oneof));
        if in_union != is_union {
            self.wrong.push(format!("{path}: a union's members, and no others, are in a oneof"));
        }
        self.compare_member(model, pool, path, &field, shape, in_union);
    }

    fn compare_member(
        &mut self,
        model: &AwsModel,
        pool: &DescriptorPool,
        path: &str,
        field: &FieldDescriptor,
        shape: &str,
        in_union: bool,
    ) {
        let fact = model.shape(shape);
        match fact.kind.as_str() {
            "list" if in_union => {
                let kind = field.kind();
                let values = kind.as_message().and_then(|m| m.get_field_by_name("values"));
                match values.filter(FieldDescriptor::is_list) {
                    Some(values) => {
                        self.compare_single_field(model, pool, path, &values, fact.element.as_ref().unwrap())
                    }
                    None => self.wrong.push(format!("{path}: a list in a union is a message of `repeated values`")),
                }
            }
            "list" if field.is_list() => {
                self.compare_single_field(model, pool, path, field, fact.element.as_ref().unwrap())
            }
            "map" if field.is_map() => {
                let value = field.kind().as_message().unwrap().map_entry_value_field();
                let is_list = model.shape(fact.value.as_ref().unwrap()).kind == "list";
                self.compare_member(model, pool, path, &value, fact.value.as_ref().unwrap(), is_list);
            }
            "list" | "map" => self.wrong.push(format!("{path} is not a {}", fact.kind)),
            _ => self.compare_single_field(model, pool, path, field, shape),
        }
    }

    fn compare_single_field(
        &mut self,
        model: &AwsModel,
        pool: &DescriptorPool,
        path: &str,
        field: &FieldDescriptor,
        shape: &str,
    ) {
        let fact = model.shape(shape);
        if fact.kind == "document" {
            let parent = field.parent_message();
            let name = if field.name() == "json" { "json_text".to_owned() } else { format!("{}_json", field.name()) };
            let text = parent.get_field_by_name(&name).filter(|text| text.kind() == Kind::String);
            if text.and_then(|text| text.containing_oneof()) != field.containing_oneof() {
                self.wrong.push(format!("{path}: a document has its exact text in the same oneof"));
            }
        }
        let fits = match (fact.kind.as_str(), field.kind()) {
            ("string", Kind::String)
            | ("integer", Kind::Int32)
            | ("long", Kind::Int64)
            | ("float", Kind::Float)
            | ("double", Kind::Double)
            | ("boolean", Kind::Bool)
            | ("blob", Kind::Bytes) => true,
            ("timestamp", Kind::Message(m)) => m.full_name() == "google.protobuf.Timestamp",
            ("document", Kind::Message(m)) => m.full_name() == "google.protobuf.Value",
            ("structure", Kind::Message(m)) => {
                if m.name() != shape {
                    self.wrong.push(format!("{path}: {} instead of {shape}", m.name()));
                }
                self.compare_structure(model, pool, shape, &m);
                true
            }
            _ => false,
        };
        if !fits {
            self.wrong.push(format!("{path}: {:?} for a {}", field.kind(), fact.kind));
        }
        let is_scalar = !matches!(field.kind(), Kind::Message(_));
        let can_be_unset = field.supports_presence() || field.is_list() || field.parent_message().is_map_entry();
        if is_scalar && !can_be_unset {
            self.wrong.push(format!("{path} cannot be unset"));
        }
    }
}

#[test]
fn the_schema_has_every_member_of_awss_model_with_its_kind() {
    let pool = pool();
    for aws in services() {
        let model = AwsModel::load(aws.name);
        let mut comparison = Comparison::default();
        let service = pool.get_service_by_name(aws.grpc_service).unwrap();
        let methods: Vec<_> = service.methods().collect();
        let missing = model.operations.keys().filter(|name| methods.iter().all(|m| m.name() != *name));
        comparison.wrong.extend(missing.map(|name| format!("operation {name} is missing")));
        for method in methods {
            let name = method.name();
            let facts = model.operations.get(name).unwrap_or_else(|| panic!("AWS has no operation {name}"));
            comparison.compare_structure(&model, &pool, &facts.input, &method.input());
            let output = model.events(name).unwrap_or(&facts.output);
            comparison.compare_structure(&model, &pool, output, &method.output());
        }
        assert_eq!(comparison.wrong, Vec::<String>::new());
        let members: usize = model.shapes.values().filter(|s| !s.exception).map(|s| s.members.len()).sum();
        assert!(comparison.compared * 10 > members * 9, "{}: only {} of {members}", aws.name, comparison.compared);
    }
}

/// Messages without a JSON body: their members are in the path, the headers and the query, or are the payload.
fn without_json(pool: &DescriptorPool) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for row in OPERATIONS {
        let service = pool.get_service_by_name(row.service.grpc_service).unwrap();
        let method = service.methods().find(|m| m.name() == row.name).unwrap();
        for (payload, message) in [(row.request_payload, method.input()), (row.response_payload, method.output())] {
            if !matches!(payload, PayloadKind::Json | PayloadKind::Events) {
                found.insert(message.full_name().to_owned());
            }
        }
    }
    found
}

#[test]
fn every_structure_and_union_keeps_unknown_members_in_field_100() {
    let pool = pool();
    let ours = pool.all_messages().filter(|m| {
        m.package_name().starts_with("bedrock.") && m.package_name() != "bedrock.type.v1" && !m.is_map_entry()
    });
    let is_list = |m: &MessageDescriptor| m.fields().len() == 1 && m.get_field_by_name("values").is_some();
    let without_json = without_json(&pool);
    assert_eq!(without_json.len(), 8);
    let messages: Vec<_> = ours.filter(|m| !without_json.contains(m.full_name()) && !is_list(m)).collect();
    assert!(messages.len() > 150, "{}", messages.len());
    for message in messages {
        let field = message.get_field(100).unwrap_or_else(|| panic!("{} has no field 100", message.name()));
        assert_eq!(field.name(), "unrecognized");
        assert_eq!(
            field.kind().as_message().map(|m| m.full_name().to_owned()).as_deref(),
            Some("bedrock.type.v1.Document")
        );
    }
}

#[test]
fn vocabularies_are_strings() {
    let packages: Vec<_> = services().iter().filter_map(|s| s.grpc_service.rsplit_once('.')).collect();
    assert!(packages.len() >= 2);
    assert!(pool().all_enums().all(|e| packages.iter().all(|(package, _)| e.package_name() != *package)));
}
