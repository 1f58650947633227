//! Builds anew when a file of the browser app comes or goes: the files are
//! embedded, and only changes of known files are noticed otherwise.

fn main() {
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=config");
}
