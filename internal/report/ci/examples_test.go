package ci_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhysd/actionlint"
)

const examples = "../../../examples/ci"

// TestGitHubExamples checks the workflows, expressions and shell included as far
// as actionlint can.
func TestGitHubExamples(t *testing.T) {
	files, err := filepath.Glob(examples + "/github*/.github/workflows/*.yml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d workflows, %v", len(files), err)
	}
	linter, err := actionlint.NewLinter(io.Discard, &actionlint.LinterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		project, err := actionlint.NewProject(filepath.Join(filepath.Dir(file), "..", ".."))
		if err != nil {
			t.Fatal(err)
		}
		found, err := linter.LintFile(file, project)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range found {
			t.Error(problem)
		}
	}
}

// TestGitLabExamples holds the pipelines against GitLab's schema.
func TestGitLabExamples(t *testing.T) {
	for _, name := range []string{".gitlab-ci.yml", ".gitlab/stowage.yml"} {
		content, err := os.ReadFile(filepath.Join(examples, "gitlab", name))
		if err != nil {
			t.Fatal(err)
		}
		lintGitLab(t, content)
	}
}
