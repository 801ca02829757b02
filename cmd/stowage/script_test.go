package main

import (
	"maps"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/stowage-build/stowage"
	"github.com/stowage-build/stowage/internal/testenv"
)

// TestMain makes the test program stowage where a script runs that, and the
// embedded builder where stowage starts it.
func TestMain(m *testing.M) {
	if stowage.Reexec() {
		os.Exit(0)
	}
	testscript.Main(m, map[string]func(){"stowage": main, "docker": dockerStandIn, "ssh": sshProgram, "buildctl": buildctlProgram, "kubectl": kubectlStandIn})
}

// TestScripts runs testdata/script against real builders and registries.
func TestScripts(t *testing.T) {
	commands := testenv.Commands()
	maps.Copy(commands, planCommands())
	maps.Copy(commands, traceCommands())
	maps.Copy(commands, attestCommands())
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", Setup: testenv.Setup, Cmds: commands,
		RequireExplicitExec: false, RequireUniqueNames: true,
	})
}
