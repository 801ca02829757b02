package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/internal/report"
	"github.com/stowage-build/stowage/planner"
)

// tellGitHub gives a run's outputs and summary to GitHub Actions, where its
// files are: a step's outputs in GITHUB_OUTPUT, Markdown in
// GITHUB_STEP_SUMMARY.
func tellGitHub(getenv func(string) string, plan *planner.Plan, r *executor.Result) error {
	return errors.Join(
		appendTo(getenv("GITHUB_OUTPUT"), func(w io.Writer) error { return writeOutputs(w, plan, r) }),
		appendTo(getenv("GITHUB_STEP_SUMMARY"), func(w io.Writer) error { return report.ResultMarkdown(w, r) }),
	)
}

func appendTo(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("tell GitHub of the run: %w", err)
	}
	return errors.Join(write(f), f.Close())
}

// writeOutputs writes the outputs built, reused and failed, which are counts,
// and images: the reference with the digest of each package of which an index
// was written or pushed, as a JSON object by name.
func writeOutputs(w io.Writer, plan *planner.Plan, r *executor.Result) error {
	images := map[string]string{}
	refs := map[string]string{}
	for _, p := range plan.Packages {
		refs[p.Name] = p.Ref
	}
	for _, d := range r.Done {
		if (d.Step.Kind == planner.KindIndex || d.Step.Kind == planner.KindPush) && d.Descriptor.Digest != "" {
			images[d.Step.Package] = refs[d.Step.Package] + "@" + d.Descriptor.Digest.String()
		}
	}
	encoded, err := json.Marshal(images)
	if err != nil {
		return err
	}
	counts := r.Counts()
	out := &strings.Builder{}
	for _, s := range []executor.Status{executor.StatusBuilt, executor.StatusUnchanged, executor.StatusReused, executor.StatusFailed} {
		fmt.Fprintf(out, "%s=%d\n", s, counts[s])
	}
	fmt.Fprintf(out, "images=%s\n", encoded)
	_, err = io.WriteString(w, out.String())
	return err
}
