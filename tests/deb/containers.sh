#!/bin/bash
# The examples of tools/debian/examples, built and run by buildah.
#
#     containers.sh ROOT DEBS     a Debian with curl, and the folder of packages
#                                 that were built for its release
#
# The server is openssl's, on this machine's loopback, which the containers share.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
examples=$top/tools/debian/examples
root=$(cd "$1" && pwd) debs=$(cd "$2" && pwd)
T=$(mktemp -d "${TMPDIR:-/tmp}/xsock-containers.XXXXXX") || exit 1
server=

cleanup()
{
	[ ! "$server" ] || kill "$server"
	buildah_here rm --all >/dev/null 2>&1
	rm -rf "$T"
}
trap cleanup EXIT

buildah_here()
{
	buildah --storage-driver vfs --root "$T/storage" --runroot "$T/run" "$@"
}

build()
{
	buildah_here bud --isolation chroot --build-arg BASE=localhost/base "$@"
}

# in_image IMAGE OPTION… -- COMMAND…
in_image()
{
	local container
	container=$(buildah_here from "localhost/$1") || return
	shift
	buildah_here run --isolation chroot -v "$T/files:/files" "${@/#IN/$container}"
}

die()
{
	echo "$1" >&2
	exit 1
}

mkdir "$T/files" "$T/shared" "$T/rules" "$T/context"
openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost \
	-addext subjectAltName=DNS:localhost -keyout "$T/key" \
	-out "$T/files/ca.pem" 2>/dev/null
for port in 24443 25443 26443 27443; do
	openssl s_server -www -accept "$port" -key "$T/key" -cert "$T/files/ca.pem" \
		>/dev/null 2>"$T/log" </dev/null &
	server=$!
	for try in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.3
		kill -0 $server 2>/dev/null || continue 2
		! (exec 3<>/dev/tcp/localhost/$port) 2>/dev/null || break 2
	done
done
rules="localhost:80=tls://:$port?cafile=/files/ca.pem"

base=$(buildah_here from scratch) && buildah_here add -q "$base" "$root" / >/dev/null &&
	buildah_here commit -q "$base" base >/dev/null || die "no image of $root"

# --- Dockerfile: packages, and variables for all programs -----------------

build -q -f "$examples/Dockerfile" -t legacy "$debs" || die "Dockerfile cannot be built"
in_image legacy --env "XSOCK_RULES=$rules" --env XSOCK_LOG=info IN -- \
	curl -sS http://localhost/ >"$T/said" 2>&1
grep -q 'verified "localhost"' "$T/said" || { cat "$T/said"; die "Dockerfile: no TLS"; }
echo "Dockerfile: TLS by the packages"

# --- kubernetes.yaml: what its containers do, one after the other ---------

git -C "$top" ls-files -z --cached --others --exclude-standard 2>/dev/null |
	tar -C "$top" --null -T - -cf - | tar -C "$T/context" -xf -
build -q -f "$examples/Dockerfile.init" -t xsock-init "$T/context" ||
	die "Dockerfile.init cannot be built"
python3 - "$examples/kubernetes.yaml" "$T" "$rules" <<'END' || die "kubernetes.yaml is not what it was"
# Writes what buildah needs: the command and the variables of the program, and
# the folders, which must be those that the volumes name.
import sys, yaml
pod, rules = yaml.safe_load_all(open(sys.argv[1]))
spec = pod["spec"]
init, program = spec["initContainers"][0], spec["containers"][0]
assert init["image"] == "xsock-init" and "command" not in init
mounts = {m["name"]: m["mountPath"] for m in program["volumeMounts"]}
assert {v["name"] for v in spec["volumes"]} == set(mounts)
assert init["volumeMounts"][0]["name"] == "xsock"
assert rules["metadata"]["name"] == spec["volumes"][1]["configMap"]["name"]
with open(sys.argv[2] + "/pod", "w") as out:
    print(init["volumeMounts"][0]["mountPath"], mounts["xsock"], mounts["rules"], file=out)
    print(*["%(name)s=%(value)s" % e for e in program["env"]], file=out)
    print(*program["command"][:-1], file=out)
(name,) = rules["data"]
open(sys.argv[2] + "/rules/" + name, "w").write(sys.argv[3] + "\n")
END
{ read -r shared mounted rules_at; read -ra variables; read -ra command; } <"$T/pod"
# As the pod's, its command is the image's.
mapfile -t first < <(buildah_here inspect --type image localhost/xsock-init |
	python3 -c 'import json, sys
print(*json.load(sys.stdin)["OCIv1"]["config"]["Cmd"], sep="\n")')
in_image xsock-init -v "$T/shared:$shared" IN -- "${first[@]}" || die "the init container fails"
in_image base -v "$T/shared:$mounted:ro" -v "$T/rules:$rules_at:ro" \
	"${variables[@]/#/--env=}" IN -- "${command[@]}" http://localhost/ >"$T/said" 2>&1
grep -q 'verified "localhost"' "$T/said" || { cat "$T/said"; die "kubernetes.yaml: no TLS"; }
echo "kubernetes.yaml: TLS by a folder that the init container has filled"
