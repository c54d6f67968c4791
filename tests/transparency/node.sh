#!/bin/bash
# Gets Node's tests of net, http, https and tls from Debian's source package, and
# makes the list for each.py, in FOLDER; nothing is done if it is there.
#
#     node.sh FOLDER
set -eu
folder=$1
[ ! -s "$folder/list" ] || exit 0
# What a test gives that skips itself; it would be 0.
skips=77
# Their keys are too short for Debian's OpenSSL, whose security level is 2.
short_keys='
	test-https-client-checkServerIdentity test-https-strict
	test-tls-cert-regression test-tls-client-auth
	test-tls-client-renegotiation-13 test-tls-client-verify
	test-tls-multiple-cas-as-string test-tls-peer-certificate-encoding
	test-tls-server-verify test-tls-sni-option test-tls-sni-server-client
'

# A test names the options that it needs in a comment.
list()
{
	local path name flags ciphers

	ciphers=$(node -p crypto.constants.defaultCoreCipherList)
	for path in $(cd source/test && find parallel sequential -name '*.js' |
		grep -E '/test-(net|https?|tls)-' | sort); do
		flags=$(sed -n 's|^// Flags: *||p' "source/test/$path" | xargs)
		name=$(basename "$path" .js)
		[[ ! $short_keys =~ [[:space:]]${name}[[:space:]] ]] ||
			flags+=" --tls-cipher-list=$ciphers@SECLEVEL=0"
		printf '%s\t%s\t%s\tnode' "node.${path%.js}" source "$skips"
		[ -z "$flags" ] || printf '\t%s' $flags
		printf '\t%s\n' "test/$path"
	done
}

"$(dirname "$0")/source.sh" nodejs "$folder"
cd "$folder"
sed -i "/^function skip(/,/^}/s/process\.exit(0)/process.exit($skips)/" \
	source/test/common/index.js
grep -q "process\.exit($skips)" source/test/common/index.js
list >list.new
mv list.new list
