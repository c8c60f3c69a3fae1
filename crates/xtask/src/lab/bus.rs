//! A private bus for each node: whoever reaches the socket may say and own anything. The policy of real nodes is by
//! unit user and belongs to the image.

use super::files::NodeFiles;

/// Configuration of the `dbus-daemon` of a node.
pub(super) fn configuration(files: &NodeFiles) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*" eavesdrop="true"/>
    <allow send_type="method_call"/>
  </policy>
</busconfig>
"#,
        files.bus_address()
    )
}
