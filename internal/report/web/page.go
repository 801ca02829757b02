package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"time"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

//go:embed assets
var assets embed.FS

// scripts are the page's scripts in the order in which they run, as one.
func scripts() []string {
	return []string{"data.js", "filter.js", "graph.js", "card.js", "timeline.js", "list.js", "details.js", "main.js"}
}

// Details are what a page tells of packages and nodes beyond the plan. Any of
// it may be nil.
type Details struct {
	// Inputs returns the inputs of a package's hash, in canonical order.
	Inputs func(pkg string) []Input
	// Past returns earlier builds of a node, newest first.
	Past func(repository, platform string) []Past
}

// Input is one input of a package.
type Input struct {
	// Kind is the planner's: file, arg, dependency and so on.
	Kind string
	// Label says what it is, Digest is its value's, in hex.
	Label, Digest string
}

// Past is an earlier build of a node.
type Past struct {
	At       time.Time
	Duration time.Duration
	OK       bool
}

// Plan writes the page of a plan.
func Plan(w io.Writer, p *planner.Plan, details Details) error {
	d := newDocument(p, details)
	d.Kind, d.Title = "plan", "Plan of "+p.Workspace.Name
	d.Summary = planRest(p)
	return write(w, d)
}

// Run writes the page of a run of a plan. record is what was reported of it.
func Run(w io.Writer, p *planner.Plan, r *executor.Result, record *Record, details Details) error {
	d := newDocument(p, details)
	d.Kind, d.Title = "run", "Run of "+p.Workspace.Name
	d.Summary = runRest(r)
	d.Created = r.StartedAt
	d.Run = newRunData(d, p, r, record)
	return write(w, d)
}

// write puts the page together. Its policy allows the one script and the one
// style in it, and nothing from elsewhere.
func write(w io.Writer, d *document) error {
	data, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode the page's data: %w", err)
	}
	style, err := assets.ReadFile("assets/page.css")
	if err != nil {
		return fmt.Errorf("read the page's style: %w", err)
	}
	script := bytes.NewBufferString("'use strict';\n")
	for _, name := range scripts() {
		text, err := assets.ReadFile("assets/" + name)
		if err != nil {
			return fmt.Errorf("read the page's script: %w", err)
		}
		script.Write(text)
	}
	page, err := template.ParseFS(assets, "assets/page.html")
	if err != nil {
		return fmt.Errorf("read the page's frame: %w", err)
	}
	err = page.Execute(w, map[string]any{
		"Title": d.Title, "Summary": d.Summary, "Run": d.Run != nil,
		"Policy": fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'",
			digest(script.Bytes()), digest(style)),
		"Style": template.CSS(style), "Script": template.JS(script.Bytes()), "Data": template.JS(data),
	})
	if err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// digest is a content's name in a Content-Security-Policy.
func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
