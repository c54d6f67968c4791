# Prints the table of "NAME PASSED FAILED SKIPPED SECONDS" lines with its sum and
# the closing line.  Ends with 1 if anything failed, or if nothing was run.
function row(name, passed, failed, skipped, seconds)
{
	printf "%-18s %8s %8s %8s %8s\n", name, passed, failed, skipped, seconds
}

BEGIN { row("suite", "passed", "failed", "skipped", "seconds") }

{
	row($1, $2, $3, $4, $5)
	passed += $2
	failed += $3
	skipped += $4
	seconds += $5
}

END {
	row("all", passed, failed, skipped, seconds)
	printf "\n%d passed, %d failed, %d skipped\n", passed, failed, skipped
	exit failed > 0 || passed == 0
}
