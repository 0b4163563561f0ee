# Sourced by bundle: a Debian package from a bundle. What is in it is unpacked already: the processor,
# the Debian and its Python are known. `apt` then owns every file.
# shellcheck shell=bash

readonly INSIDE=usr/lib/appliance

# make_deb BUNDLE FILE: who makes it is named as Debian's tools do: DEBFULLNAME and DEBEMAIL, or as in git.
make_deb() {
  local bundle=$1 file=$2 tree=$work/deb architecture for_python version maintainer
  maintainer="${DEBFULLNAME:-$(git config user.name || echo unknown)} <${DEBEMAIL:-$(git config user.email || echo unknown@localhost)}>"
  architecture=$(about "$bundle" architecture) for_python=$(about "$bundle" python)
  # A later package of the same version is an update, too.
  version=$(about "$bundle" version)+$(date -u +%Y%m%d%H%M)
  mkdir -p "$tree/DEBIAN" "$tree/$INSIDE" &&
    deb_python "$bundle" "$tree/$INSIDE/venv" &&
    deb_files "$bundle" "$tree" &&
    deb_papers "$bundle" "$tree" &&
    deb_control "$tree" &&
    chmod -R u=rwX,go=rX "$tree" && chmod 755 "$tree"/DEBIAN/p* &&
    (cd "$tree" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | xargs -0 md5sum >DEBIAN/md5sums) &&
    dpkg-deb --root-owner-group -Zgzip -z1 --build "$tree" "$file"
}

# A virtual environment such as `python3 -m venv` makes, for the other machine.
deb_python() {
  local bundle=$1 venv_there=$2 site=$2/lib/python$for_python/site-packages source=$work/deb-source
  mkdir -p "$venv_there/bin" && ln -s /usr/bin/python3 "$venv_there/bin/python" &&
    printf 'home = /usr/bin\ninclude-system-site-packages = false\n' >"$venv_there/pyvenv.cfg" &&
    run_pip "$venv/bin/python" install --no-index --no-deps --no-compile --target "$site" --only-binary :all: \
      --implementation cp --python-version "$for_python" $(platform_options) "$bundle"/bundle/wheels/*.whl &&
    mkdir "$source" && cp -r "$bundle"/{appliance,pyproject.toml,README.md,LICENSE,THIRD-PARTY-NOTICES.md} "$source/" &&
    run_pip "$venv/bin/python" install --no-index --no-deps --no-build-isolation --no-compile --target "$work/deb-product" "$source" &&
    rm -rf "$work/deb-product/bin" "$site/bin" && cp -r "$work/deb-product/." "$site/" && rm -f "$site"/appliance-*/direct_url.json &&
    find "$site" \( -name tests -o -name include -o -name __pycache__ \) -type d -prune -exec rm -rf {} + &&
    find "$site" \( -name '*.pyi' -o -name '*.a' -o -name '*.pyx' -o -name '*.pxd' -o -name '*.c' -o -name '*.h' \) -delete
}

deb_files() {
  local bundle=$1 tree=$2 units=$2/usr/lib/systemd/system
  mkdir -p "$units" "$tree"/usr/{bin,share/appliance,lib/systemd/journald@appliance.conf.d} "$tree/etc" &&
    sed 's|/opt/appliance/.venv|/usr/lib/appliance/venv|' "$bundle/systemd/appliance.service" >"$units/appliance.service" &&
    cp "$bundle/systemd/journald@appliance.conf" "$tree/usr/lib/systemd/journald@appliance.conf.d/appliance.conf" &&
    cp "$bundle"/systemd/{gpio,firmware}.conf "$tree/$INSIDE/" &&
    cp -r "$bundle/bundle/models" "$tree/usr/share/appliance/" &&
    cp -r "$bundle/bundle/settings" "$tree/etc/appliance" &&
    cp "$bundle/config.toml" "$tree/usr/share/appliance/config.toml.default" &&
    launcher_text /usr/lib/appliance/venv >"$tree/usr/bin/appliance" && chmod 755 "$tree/usr/bin/appliance" &&
    (cd "$tree" && find etc -type f -printf '/%p\n') >"$tree/DEBIAN/conffiles"
}

deb_papers() {
  local bundle=$1 tree=$2 papers=$2/usr/share/doc/appliance
  mkdir -p "$papers" "$tree/usr/share/lintian/overrides" &&
    cp "$bundle/bundle/sbom.cdx.json" "$papers/" && cp "$bundle"/THIRD-PARTY-NOTICES.md "$papers/" &&
    gzip -9nc "$bundle/CHANGELOG.md" >"$papers/NEWS.md.gz" &&
    cat >"$papers/copyright" <<COPYRIGHT &&
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: appliance

Files: *
Copyright: The authors of the appliance
License: Apache-2.0
 On Debian systems the text of this licence is in /usr/share/common-licenses/Apache-2.0.
 .
 The Python packages and models inside have licences of their own: sbom.cdx.json in this folder
 lists them, THIRD-PARTY-NOTICES.md says what follows from them, and the text of each is in the
 package's dist-info folder in /usr/lib/appliance.
COPYRIGHT
    gzip -9n >"$papers/changelog.gz" <<CHANGES &&
appliance ($version) stable; urgency=medium

  * See NEWS.md.gz.

 -- $maintainer  $(LC_ALL=C date -uR)
CHANGES
    cat >"$tree/usr/share/lintian/overrides/appliance" <<OVERRIDES
# The Python packages are unpacked as their makers publish them, so that their checksums hold; they
# bring libraries of their own and find them beside themselves.
appliance: embedded-library
appliance: custom-library-search-path
appliance: unstripped-binary-or-object
appliance: library-not-linked-against-libc
appliance: shared-library-is-executable
OVERRIDES
}

deb_control() {
  local tree=$1 next
  next=3.$((${for_python#3.} + 1))
  cat >"$tree/DEBIAN/control" <<CONTROL
Package: appliance
Version: $version
Architecture: $architecture
Maintainer: $maintainer
Installed-Size: $(du -sk --exclude DEBIAN "$tree" | cut -f1)
Depends: python3 (>= $for_python), python3 (<< $next), libc6 (>= 2.34), libstdc++6, zlib1g, libportaudio2, libgomp1, openssl, adduser
Recommends: mosquitto
Section: sound
Priority: optional
Description: offline voice and small-language-model appliance, over MQTT
 It turns speech into text under a grammar of your sentences, understands it,
 answers with a small language model, and publishes the results over MQTT.
 Nothing leaves the local network. The models are in this package.
CONTROL
  cat >"$tree/DEBIAN/preinst" <<'SCRIPT'
#!/bin/sh
set -e
if [ -e /etc/systemd/system/appliance.service ] && [ -d /opt/appliance ]; then
  echo "The appliance was installed with script/install. Remove it first; configuration and state are kept:" >&2
  echo "    /opt/appliance/script/install --uninstall --keep" >&2
  exit 1
fi
SCRIPT
  cat >"$tree/DEBIAN/postinst" <<'SCRIPT'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
# systemd does not start a service with a group that is not there.
getent group audio >/dev/null || addgroup --system --quiet audio
drop_ins=/etc/systemd/system/appliance.service.d
drop_in() {
  mkdir -p "$drop_ins"
  [ -e "$drop_ins/$1" ] || [ -L "$drop_ins/$1" ] || cp "/usr/lib/appliance/$1" "$drop_ins/$1"
}
if getent group gpio >/dev/null; then drop_in gpio.conf; fi
if getent group video >/dev/null && grep -qs 'Raspberry Pi 5' /proc/device-tree/model; then drop_in firmware.conf; fi
[ -e /var/lib/appliance ] || install -d -m 700 /var/lib/appliance
mkdir -p /var/lib/appliance/models
for model in /usr/share/appliance/models/*; do
  there=/var/lib/appliance/models/${model##*/}
  [ -e "$there" ] || ln -sfn "$model" "$there"
done
# The service cannot write there.
/usr/lib/appliance/venv/bin/python -m compileall -q /usr/lib/appliance/venv/lib || true
deb-systemd-helper unmask appliance.service >/dev/null || true
if deb-systemd-helper --quiet was-enabled appliance.service; then
  deb-systemd-helper enable appliance.service >/dev/null || true
else
  deb-systemd-helper update-state appliance.service >/dev/null || true
fi
if [ -d /run/systemd/system ]; then
  systemctl --system daemon-reload >/dev/null || true
  ldconfig # PortAudio may have been installed a moment ago
  deb-systemd-invoke "$([ -n "$2" ] && echo restart || echo start)" appliance.service || true
fi
SCRIPT
  cat >"$tree/DEBIAN/prerm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then deb-systemd-invoke stop appliance.service || true; fi
find /usr/lib/appliance/venv/lib -name __pycache__ -type d -prune -exec rm -rf {} +
# What `appliance models` has noted beside the models.
find /usr/share/appliance/models -name '.*' -type f -delete
SCRIPT
  cat >"$tree/DEBIAN/postrm" <<'SCRIPT'
#!/bin/sh
set -e
if [ "$1" = remove ]; then
  rm -rf /run/systemd/system/appliance.service.d
  if [ -d /run/systemd/system ]; then
    systemctl stop --quiet systemd-journald@appliance.service systemd-journald@appliance.socket 2>/dev/null || true
    systemctl --system daemon-reload >/dev/null || true
  fi
fi
if [ "$1" = purge ]; then
  if [ -x /usr/bin/deb-systemd-helper ]; then deb-systemd-helper purge appliance.service >/dev/null || true; fi
  rm -rf /etc/appliance /etc/systemd/system/appliance.service.d /var/lib/appliance /var/lib/private/appliance \
    /run/log/journal/*.appliance /var/log/journal/*.appliance
fi
SCRIPT
}
