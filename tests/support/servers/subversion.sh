# svnserve, TLS by nginx in front.  start_subversion sets port_subversion_tls;
# the repository is "project", alice with password "secret" may write to it.
#
# Packages: subversion, and those of nginx.sh, which is sourced before.
needs_subversion="svnserve nginx socat"

start_subversion()
{
	local here=$T/subversion
	mkdir -p "$here/repositories"
	svnadmin create "$here/repositories/project" || exit 1
	cat >"$here/repositories/project/conf/svnserve.conf" <<-END
	[general]
	anon-access = none
	auth-access = write
	password-db = passwords
	END
	printf '[users]\nalice = secret\n' \
		>"$here/repositories/project/conf/passwords"
	start_service subversion svnserve -i -r "$here/repositories"
}
