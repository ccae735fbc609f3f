//! Compiles proto/ to Rust: prost's messages, tonic's services, the descriptor set for reflection, the codec that writes
//! each message as Bedrock's JSON, and a row for each operation. The lock files have the facts that .proto files cannot
//! have.

#[path = "build/codec.rs"]
mod codec;
#[path = "build/lock.rs"]
mod lock;
#[path = "build/operations.rs"]
mod operations;
#[path = "build/wire.rs"]
mod wire;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=build");
    println!("cargo:rerun-if-changed=proto");
    let mut files = Vec::new();
    find_protos(Path::new("proto"), &mut files)?;
    files.sort();

    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true).open_files(files)?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    fs::write(out.join("descriptor_set.bin"), compiler.encode_file_descriptor_set())?;

    let locks = lock::read_all(Path::new("proto"))?;
    fs::write(out.join("operations.rs"), operations::write(&locks)?)?;
    let set = compiler.file_descriptor_set();
    let mut codecs = BTreeMap::<String, String>::new();
    for file in &set.file {
        // A package without a lock has no messages from AWS's model.
        let Some(lock) = locks.get(file.package()) else { continue };
        for message in &file.message_type {
            let row = lock.message(message.name())?;
            *codecs.entry(file.package().to_owned()).or_default() += &codec::write_message(message, row)?;
        }
    }
    for (package, code) in codecs {
        fs::write(out.join(format!("{package}.json.rs")), code)?;
    }
    fs::write(out.join("wire.rs"), wire::write_tables(&set)?)?;
    tonic_prost_build::configure()
        .codec_path("crate::codec::Codec")
        .bytes(".")
        .btree_map(".")
        .emit_rerun_if_changed(false)
        // An RPC that AWS adds must not break code that implements the service, as tests do.
        .generate_default_stubs(true)
        .compile_fds(set)?;
    Ok(())
}

fn find_protos(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, found)?;
        } else if path.extension().is_some_and(|e| e == "proto") {
            found.push(path);
        }
    }
    Ok(())
}
