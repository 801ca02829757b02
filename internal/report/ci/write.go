package ci

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

// gitHubJob is an entry of a matrix.
type gitHubJob struct {
	Name      string `json:"name"`
	Runner    string `json:"runner"`
	Platforms string `json:"platforms"`
	Command   string `json:"command"`
}

// gitHubMatrix is a value of strategy.matrix.
type gitHubMatrix struct {
	Include []gitHubJob `json:"include"`
}

// gitHubPlan is what GitHub writes, as one line.
type gitHubPlan struct {
	// Count is how many jobs there are: a matrix of none is an error there.
	Count int `json:"count"`
	// Jobs is the first wave, Waves are all.
	Jobs   gitHubMatrix   `json:"jobs"`
	Waves  []gitHubMatrix `json:"waves"`
	Finish string         `json:"finish"`
}

// GitHub writes jobs as one line of JSON, for a workflow's output and fromJSON.
// runners are labels by platform; others run on GitHub's own machines.
func GitHub(w io.Writer, j *Jobs, runners map[string]string) error {
	plan := gitHubPlan{Count: j.Count(), Jobs: gitHubMatrix{Include: []gitHubJob{}}, Waves: []gitHubMatrix{}, Finish: strings.Join(j.Finish, " && ")}
	for _, wave := range j.Waves {
		matrix := gitHubMatrix{}
		for _, job := range wave {
			matrix.Include = append(matrix.Include, gitHubJob{job.Name, runner(job, runners), strings.Join(job.Platforms, ","), job.Command})
		}
		plan.Waves = append(plan.Waves, matrix)
	}
	if len(plan.Waves) > 0 {
		plan.Jobs = plan.Waves[0]
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(plan)
}

// runner is the label of the machine that a job runs on.
func runner(j Job, runners map[string]string) string {
	if len(j.Platforms) == 1 {
		if label := runners[j.Platforms[0]]; label != "" {
			return label
		}
		if j.Platforms[0] == "linux/arm64" {
			return "ubuntu-24.04-arm"
		}
	}
	return "ubuntu-24.04"
}

// gitLabJob is a job of a child pipeline.
type gitLabJob struct {
	Stage   string   `yaml:"stage"`
	Extends string   `yaml:"extends,omitempty"`
	Script  []string `yaml:"script"`
}

// GitLab writes jobs as a child pipeline. They extend .stowage,
// .stowage-linux-amd64 or .stowage-linux-arm64, which the file has to define
// that includes it: the image, the credentials, the runners' tags.
func GitLab(w io.Writer, j *Jobs) error {
	stages := []string{}
	root := &yaml.Node{Kind: yaml.MappingNode}
	names := map[string]bool{}
	add := func(name string, job gitLabJob) error {
		for i := 2; names[name]; i++ {
			name = fmt.Sprintf("%s (%d)", name, i)
		}
		names[name] = true
		value := &yaml.Node{}
		if err := value.Encode(job); err != nil {
			return fmt.Errorf("write the job %s: %w", name, err)
		}
		root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name, Style: yaml.DoubleQuotedStyle}, value)
		return nil
	}
	for i, wave := range j.Waves {
		stage := fmt.Sprintf("wave %d", i+1)
		stages = append(stages, stage)
		for _, job := range wave {
			if err := add(gitLabName(job.Name), gitLabJob{stage, template(job), []string{job.Command}}); err != nil {
				return err
			}
		}
	}
	last := gitLabJob{"finish", ".stowage", j.Finish}
	if len(j.Finish) == 0 {
		last.Extends, last.Script = "", []string{"echo 'Nothing else to do.'"}
	}
	if err := add("finish", last); err != nil {
		return err
	}
	head := &yaml.Node{}
	if err := head.Encode(map[string]any{"stages": append(stages, "finish")}); err != nil {
		return fmt.Errorf("write the stages: %w", err)
	}
	root.Content = append(head.Content, root.Content...)
	if _, err := io.WriteString(w, "# A child pipeline, made by stowage plan --format gitlab.\n"); err != nil {
		return err
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("write the pipeline: %w", err)
	}
	return enc.Close()
}

// template is what a job extends.
func template(j Job) string {
	if len(j.Platforms) == 1 {
		switch j.Platforms[0] {
		case "linux/amd64":
			return ".stowage-linux-amd64"
		case "linux/arm64":
			return ".stowage-linux-arm64"
		}
	}
	return ".stowage"
}

// gitLabName makes a name that GitLab takes: at most 255 characters, and none
// that begins with a dot, which would hide the job.
func gitLabName(name string) string {
	const longest = 200
	if len(name) > longest {
		name = name[:longest]
	}
	return strings.TrimLeft(name, ".")
}
