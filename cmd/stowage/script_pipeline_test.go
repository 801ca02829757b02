package main

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"
	"go.yaml.in/yaml/v3"
)

// pipelinesDir has the example pipelines.
const pipelinesDir = "../../examples/ci"

// pipelineJob is what a shell runs in a job: on GitHub in steps, in GitLab in
// scripts.
type pipelineJob struct {
	Steps []struct {
		Run string `yaml:"run"`
	} `yaml:"steps"`
	BeforeScript []string `yaml:"before_script"`
	Script       []string `yaml:"script"`
}

func (j pipelineJob) shell() string {
	text := ""
	for _, step := range j.Steps {
		if step.Run != "" {
			text += step.Run + "\n"
		}
	}
	for _, line := range append(j.BeforeScript, j.Script...) {
		text += line + "\n"
	}
	return text
}

// pipelineShell is what the jobs of a pipeline run, in the file's order: the
// job called name, or all.
func pipelineShell(content []byte, name string) (string, error) {
	var file yaml.Node
	if err := yaml.Unmarshal(content, &file); err != nil {
		return "", err
	}
	jobs := file.Content[0].Content
	for i := 0; i+1 < len(jobs); i += 2 {
		if jobs[i].Value == "jobs" { // GitHub's
			jobs = jobs[i+1].Content
			break
		}
	}
	text := ""
	for i := 0; i+1 < len(jobs); i += 2 {
		var job pipelineJob
		if jobs[i+1].Kind != yaml.MappingNode || name != "" && jobs[i].Value != name {
			continue
		}
		if err := jobs[i+1].Decode(&job); err != nil {
			return "", err
		}
		text += job.shell()
	}
	return text, nil
}

// pipelineCommand prints what a pipeline's jobs run, those of a file below
// examples/ci or of one that the script has: pipeline FILE [JOB]
func pipelineCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: pipeline file [job]")
	}
	content, err := os.ReadFile(filepath.Join(pipelinesDir, args[0]))
	if err != nil {
		content, err = os.ReadFile(ts.MkAbs(args[0]))
	}
	ts.Check(err)
	text, err := pipelineShell(content, append(args, "")[1])
	ts.Check(err)
	if text == "" {
		ts.Fatalf("%s: no such job", args[0])
	}
	_, err = ts.Stdout().Write([]byte(text))
	ts.Check(err)
}
