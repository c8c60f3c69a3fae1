################################################################################
#
# tandem
#
################################################################################

# The daemons, from the very checkout that this tree is part of. Cargo.lock pins every crate with its hash; they are
# fetched once, into the download folder, and from then on the build is offline and locked.
TANDEM_VERSION = 0.1.0
TANDEM_SITE = $(BR2_EXTERNAL_TANDEM_PATH)/..
TANDEM_SITE_METHOD = local
TANDEM_LICENSE = Apache-2.0
TANDEM_LICENSE_FILES = LICENSE

# Never cargo's own output, nor what would only cause a build for nothing
TANDEM_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude=/target --exclude=/buildroot --exclude=/overlays --exclude=/image --exclude=/qemu

TANDEM_PACKAGES = hostd stored clusterd pbxd screen tandemctl
TANDEM_CARGO_BUILD_OPTS = --bins $(addprefix --package=,$(TANDEM_PACKAGES))
TANDEM_DAEMONS = prepare hostd stored clusterd pbxd screen

# The folder of the crates carries the hash of the lock file it was made for: only a changed lock file reaches out.
TANDEM_CRATES = $(TANDEM_DL_DIR)/crates
define TANDEM_VENDOR
	mkdir -p $(TANDEM_CRATES) $(@D)/.cargo
	cmp -s $(@D)/Cargo.lock $(TANDEM_CRATES)/Cargo.lock || ( \
		cd $(@D) && rm -f .cargo/config.toml && \
		$(HOST_MAKE_ENV) $(PKG_COMMON_CARGO_ENV) cargo vendor \
			--locked --versioned-dirs $(TANDEM_CRATES)/vendor >$(TANDEM_CRATES)/config.toml && \
		cp Cargo.lock $(TANDEM_CRATES)/Cargo.lock )
	cmp -s $(TANDEM_CRATES)/config.toml $(@D)/.cargo/config.toml || \
		cp $(TANDEM_CRATES)/config.toml $(@D)/.cargo/config.toml
endef
TANDEM_PRE_BUILD_HOOKS += TANDEM_VENDOR

# `cargo install` knows no workspaces: copied by hand.
define TANDEM_INSTALL_TARGET_CMDS
	for program in $(TANDEM_DAEMONS); do \
		$(INSTALL) -D -m 0755 $(@D)/target/$(RUSTC_TARGET_NAME)/release/$$program \
			$(TARGET_DIR)/usr/lib/tandem/$$program || exit 1; \
	done
	$(INSTALL) -D -m 0755 $(@D)/target/$(RUSTC_TARGET_NAME)/release/tandemctl $(TARGET_DIR)/usr/bin/tandemctl
endef

# overlays/common/usr/lib/sysusers.d/tandem.conf says the same for the other root; `cargo xtask check` compares them.
define TANDEM_USERS
	tandem-store 910 tandem-store 910 * - - tandem Tandem store
	tandem-cluster 911 tandem-cluster 911 * - - tandem Tandem high-availability agent
	tandem-pbx 912 tandem-pbx 912 * - - tandem Tandem telephone daemon
	tandem-screen 913 tandem-screen 913 * - - tandem Tandem text screen
	- - tandem 900 - - - - Reads who this node is
	- - tandem-admin 901 - - - - May call every interface on the bus
endef

$(eval $(cargo-package))
