# The clients of npm.  Source it behind lib.sh; the suite has "client", which runs
# a command with the library or without.

# npm_client NAME HOST PORT ARGUMENT…: one of clients.mjs.  Modules are searched
# from the working directory, where the packages are.
npm_client()
{
	(cd "$BUILD/npm" && client node --input-type=module - "$@" \
		<"$TESTS/support/npm/clients.mjs")
}
