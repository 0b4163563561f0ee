# Sourced by bundle and install: the files of a bundle, their checksums and the signature of these;
# and the command of an installed appliance.
# shellcheck shell=bash

readonly ABOUT=bundle/about SUMS=bundle/SHA256SUMS SIGNATURE=bundle/SHA256SUMS.sig PUBLIC_KEY=bundle/key.pem

# fingerprint_of KEY: SHA-256 of a public key, as people compare it.
fingerprint_of() {
  openssl pkey -pubin -in "$1" -outform DER | sha256sum | cut -c1-32 | sed 's/..../& /g;s/ $//'
}

# files_of BUNDLE: every file, link and other thing in it but folders, the checksums and their signature.
files_of() { (cd "$1" && find . ! -type d ! -path "./$SUMS" ! -path "./$SIGNATURE" -printf '%P\n' | LC_ALL=C sort); }

sign_bundle() {
  local bundle=$1 key=$2
  openssl pkey -in "$key" -pubout -out "$bundle/$PUBLIC_KEY" &&
    (cd "$bundle" && files_of . | tr '\n' '\0' | xargs -0 sha256sum >"$SUMS") &&
    openssl pkeyutl -sign -inkey "$key" -rawin -in "$bundle/$SUMS" -out "$bundle/$SIGNATURE"
}

# about BUNDLE KEY: what it says of itself: version, architecture or python.
about() { sed -n "s/^$2=//p" "$1/$ABOUT"; }

# check_bundle BUNDLE KEY: stops, and names what is wrong, unless every file is what the owner of the
# key signed. KEY is a file with a public key.
check_bundle() {
  local bundle=$1 key=$2 wrong
  has_program openssl >/dev/null || stop "openssl is required to check the signature." "Run: sudo apt-get install -y openssl"
  if ! openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$bundle/$SUMS" -sigfile "$bundle/$SIGNATURE" >/dev/null 2>&1; then
    stop "The bundle $bundle is not signed with the key $key ($(fingerprint_of "$key" 2>/dev/null))," \
      "or its checksums or their signature are damaged. Nothing was installed."
  fi
  wrong=$(wrong_files "$bundle")
  [[ -z $wrong ]] || stop "The bundle $bundle is not as it was made:" "$wrong" "Copy it again. Nothing was installed."
}

# wrong_files BUNDLE: a line for each file that is missing, damaged or not of the bundle.
wrong_files() {
  LC_ALL=C comm -13 <(cut -c67- "$1/$SUMS" | LC_ALL=C sort) <(files_of "$1") | sed 's/^/    /;s/$/: is not part of the bundle/'
  find "$1" ! -type d ! -type f -printf '    %P: is not a file\n'
  (cd "$1" && LC_ALL=C sha256sum --check --quiet --strict "$SUMS" 2>/dev/null || true) |
    sed -n 's/^\(.*\): FAILED open or read$/    \1: is missing/p;t;s/^\(.*\): FAILED$/    \1: is damaged or was changed/p'
}

# choose_bundle_key BUNDLE FILE INSTALLED: sets $bundle_key to the named key, otherwise the one of an
# earlier installation; stops if there is neither, because the bundle's own key proves nothing.
choose_bundle_key() {
  local bundle=$1 named=$2 installed=$3
  [[ -f $bundle/$ABOUT && -f $bundle/$SUMS && -f $bundle/$SIGNATURE ]] ||
    stop "$bundle is not a complete bundle (made by script/bundle). Nothing was installed."
  bundle_key=$named
  [[ -n $named || ! -f $installed ]] || bundle_key=$installed
  [[ -n $bundle_key ]] || stop "No bundle was installed on this machine before, so it does not know whose signature to accept." \
    "This one has the key $(fingerprint_of "$bundle/$PUBLIC_KEY")" \
    "Compare it with what script/bundle printed when the bundle was made. If it is the same, run:" "" \
    "    sudo $(printf %q "$bundle")/script/install --from $(printf %q "$bundle") --key $(printf %q "$bundle/$PUBLIC_KEY")" ""
  [[ -f $bundle_key ]] || stop "There is no key $bundle_key."
}

# launcher_text VENV: the command `appliance` of an installation.
launcher_text() {
  cat <<END
#!/bin/sh
# The installed appliance, with the configuration and the state of its service.
export APPLIANCE_CONFIG="\${APPLIANCE_CONFIG:-/etc/appliance/config.toml}"
export STATE_DIRECTORY="\${STATE_DIRECTORY:-/var/lib/appliance}"
# Where the unit takes the broker's password from; only root may read it there.
export CREDENTIALS_DIRECTORY="\${CREDENTIALS_DIRECTORY:-/etc/appliance}"
exec $1/bin/python -m appliance "\$@"
END
}
