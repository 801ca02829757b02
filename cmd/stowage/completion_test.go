package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestBashCompletion: what bash inserts of names with quotes is escaped, one
// name or what several have in common.
func TestBashCompletion(t *testing.T) {
	root := newRoot(newEnv(&bytes.Buffer{}, &bytes.Buffer{}))
	for _, descriptions := range []bool{true, false} {
		script, err := bashCompletion(root, descriptions)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "stowage")
		if err := os.WriteFile(file, script, 0o600); err != nil {
			t.Fatal(err)
		}
		const call = `
			source "$0"
			COLUMNS=80 COMP_TYPE=9
			for cur in svc 'svc\[\"a' o 'svc["'; do
				COMPREPLY=() completions=($'svc["a"]\tone' $'svc["b"]\ttwo' $'other\tthree')
				[[ $1 == true ]] || completions=('svc["a"]' 'svc["b"]' other)
				__stowage_handle_standard_completion_case
				printf '%s:' "$cur"; printf ' %s' "${COMPREPLY[@]%% *}"; echo
			done`
		arg := "false"
		if descriptions {
			arg = "true"
		}
		out, err := exec.CommandContext(t.Context(), "bash", "-c", call, file, arg).CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		want := "svc: svc\\[\\\"a\\\"\\] svc\\[\\\"b\\\"\\]\nsvc\\[\\\"a: svc\\[\\\"a\\\"\\]\no: other\nsvc[\": \n"
		if string(out) != want {
			t.Errorf("with descriptions %v: got\n%swant\n%s", descriptions, out, want)
		}
	}
}
