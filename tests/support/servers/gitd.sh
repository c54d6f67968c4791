# git's own protocol (git daemon), TLS by nginx in front.  start_gitd sets
# port_gitd_tls; it serves what is in $T/gitd/repositories, also pushes.
#
# Packages: git, and those of nginx.sh, which is sourced before.
needs_gitd="git nginx socat"

start_gitd()
{
	local here=$T/gitd
	mkdir -p "$here/repositories"
	start_service gitd env "HOME=$here" git daemon --inetd --export-all \
		--enable=receive-pack "--base-path=$here/repositories"
}
