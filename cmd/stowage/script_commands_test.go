package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/stowage-build/stowage/planner"
)

// planCommands are the scripts' commands that look at plans and images.
func planCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"exitcode":     exitCodeCommand,
		"json":         jsonCommand,
		"step":         stepCommand,
		"checkindexes": checkIndexesCommand,
		"copyimages":   copyImagesCommand,
		"catimage":     catImageCommand,
		"samefiles":    sameFilesCommand,
		"movetag":      moveTagCommand,
		"gobuild":      goBuildCommand,
		"killapply":    killApplyCommand,
		"killbuilder":  killBuilderCommand,
		"interrupt":    interruptCommand,
		"context":      contextCommand,
		"fleet":        fleetCommand,
		"hold":         holdCommand,
		"cable":        cableCommand,
		"fault":        faultCommand,
		"awaitrun":     awaitRunCommand,
		"moved":        movedCommand,
		"disk":         diskCommand,
		"envfile":      envFileCommand,
		"sshd":         sshdCommand,

		"checkcomplete": new(completeness).check,
		"serve":         serveCommand,
		"pipeline":      pipelineCommand,
		"tutorial":      tutorialCommand,
	}
}

// exitCodeCommand runs a command that must end with an exit code:
// exitcode N COMMAND ARG…
func exitCodeCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exitcode N command args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	code := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
}

// jsonCommand compares a value in a JSON file: json FILE .path.to.value VALUE
func jsonCommand(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json file .path value")
	}
	var value any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &value))
	for _, key := range strings.Split(strings.TrimPrefix(args[1], "."), ".") {
		switch v := value.(type) {
		case map[string]any:
			value = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			ts.Check(err)
			value = v[i]
		}
	}
	if (fmt.Sprint(value) == args[2]) == neg {
		ts.Fatalf("%s is %v", args[1], value)
	}
}

// stepCommand checks a step of a plan: step FILE ID [REASON [CHANGE…]]
func stepCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: step file id [reason [change...]]")
	}
	var plan planner.Plan
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &plan))
	i := slices.IndexFunc(plan.Steps, func(s planner.Step) bool { return s.ID == args[1] })
	if i < 0 {
		ts.Fatalf("no step %s", args[1])
	}
	s := plan.Steps[i]
	if len(args) > 2 && string(s.Reason) != args[2] {
		ts.Fatalf("%s: reason %s, want %s", s.ID, s.Reason, args[2])
	}
	if len(args) > 3 && !slices.Equal(s.Changes, args[3:]) {
		ts.Fatalf("%s: changes %q, want %q", s.ID, s.Changes, args[3:])
	}
}

// refsIn reads the output of stowage list.
func refsIn(ts *testscript.TestScript, file string) map[string]string {
	refs := map[string]string{}
	for line := range strings.Lines(ts.ReadFile(file)) {
		name, ref, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			ts.Fatalf("%s: not a line of list: %q", file, line)
		}
		refs[name] = ref
	}
	if len(refs) == 0 {
		ts.Fatalf("%s: no packages", file)
	}
	return refs
}

// checkIndexesCommand has skopeo read every index in the registry, which must
// have exactly the platforms: checkindexes LIST PLATFORM…
func checkIndexesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: checkindexes list platform...")
	}
	for name, ref := range refsIn(ts, args[0]) {
		out, err := exec.Command("skopeo", "inspect", "--raw", "--tls-verify=false", "docker://"+ref).Output()
		ts.Check(err)
		var index v1.IndexManifest
		ts.Check(json.Unmarshal(out, &index))
		var platforms []string
		for _, m := range index.Manifests {
			if m.Annotations["vnd.docker.reference.type"] == "" { // else it is about an image
				platforms = append(platforms, m.Platform.String())
			}
		}
		if !slices.Equal(platforms, args[1:]) {
			ts.Fatalf("%s: the index of %s has %q, want %q", name, ref, platforms, args[1:])
		}
	}
}

// copyImagesCommand has skopeo copy every image, all platforms, out of the
// registry: copyimages LIST
func copyImagesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: copyimages list")
	}
	for name, ref := range refsIn(ts, args[0]) {
		dir, err := os.MkdirTemp(ts.Getenv("WORK"), "copied-")
		ts.Check(err)
		out, err := exec.Command("skopeo", "copy", "--all", "--src-tls-verify=false", "docker://"+ref, "oci:"+filepath.Join(dir, "layout")).CombinedOutput()
		if err != nil {
			ts.Fatalf("skopeo copy of %s: %v\n%s", name, err, out)
		}
		ts.Check(os.RemoveAll(dir))
	}
}

// catImageCommand prints a file of a package's image in the registry, or in
// the store when it is not pushed: catimage LIST PACKAGE PLATFORM PATH
func catImageCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 4 {
		ts.Fatalf("usage: catimage list package platform path")
	}
	ref, err := name.ParseReference(refsIn(ts, args[0])[args[1]])
	ts.Check(err)
	platform, err := v1.ParsePlatform(args[2])
	ts.Check(err)
	image, err := remote.Image(ref, remote.WithPlatform(*platform))
	ts.Check(err)
	content, err := fileIn(image, strings.TrimPrefix(args[3], "/"))
	ts.Check(err)
	_, err = ts.Stdout().Write(content)
	ts.Check(err)
}

// fileIn reads a file of an image's root file system.
func fileIn(image v1.Image, name string) ([]byte, error) {
	r := mutate.Extract(image)
	defer r.Close()
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", name, err)
		}
		if path.Clean(h.Name) == path.Clean(name) {
			return io.ReadAll(t)
		}
	}
}

// sameFilesCommand compares names of files, each after "./" and before a zero
// byte, with the inputs that stowage explain lists:
// samefiles LISTING INPUTS.json
func sameFilesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: samefiles listing inputs.json")
	}
	var have, want []string
	for name := range strings.SplitSeq(strings.TrimSuffix(ts.ReadFile(args[0]), "\x00"), "\x00") {
		have = append(have, strings.TrimPrefix(name, "./"))
	}
	var inputs planner.Inputs
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &inputs))
	for _, in := range inputs.List {
		if in.Kind == "file" {
			want = append(want, in.Name)
		}
	}
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		ts.Fatalf("the files are %q, the inputs %q", have, want)
	}
}
