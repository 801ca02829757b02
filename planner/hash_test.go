package planner_test

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// subject is a workspace whose package app uses every kind of input.
func subject() tree {
	return tree{
		"stowage.hcl": header + `
builder "one" {
  endpoint  = "unix:///run/one.sock"
  platforms = ["linux/amd64", "linux/arm64"]
  slots     = 1
}

package "deep" {
  context = "deep"
}

package "base" {
  context  = "base"
}

package "lint" {
  context = "lint"
}

package "other" {
  context = "other"
}

package "app" {
  context     = "app"
  target      = "release"
  platforms   = ["linux/amd64"]
  args        = { VERSION = "1" }
  labels      = { vendor = "acme" }
  annotations = { about = "an app" }
  contexts    = {
    proto = "proto"
    cgr   = "docker-image://cgr.test/static:1"
  }
  depends_on   = [package.lint]
  ssh          = ["default"]
  network      = "default"
  extra_tags   = ["latest"]
  cache_from   = ["type=registry,ref=cache.test/a"]
  cache_to     = ["type=registry,ref=cache.test/a"]
  no_cache     = false
  refresh      = "24h"
  reproducible = false
  timeout      = "30m"
  retries      = 0
  revision     = "1"

  secret "npm" {
    env = "NPM_TOKEN"
  }
  attest {
    provenance = "min"
    sbom       = true
    scanner    = "scan.test/one:1"
  }
  platform "linux/amd64" {
    args    = { CFLAGS = "-O1" }
    target  = "fast"
    network = "none"
    timeout = "10m"
  }
  source "vendor" {
    to = "vendor"
  }
}
`,
		"deep/Dockerfile":  "FROM scratch\n",
		"base/Dockerfile":  "FROM registry.test/acme/deep\n",
		"lint/Dockerfile":  "FROM scratch\n",
		"other/Dockerfile": "FROM scratch\n",
		"app/Dockerfile":   "FROM registry.test/acme/base\nCOPY --from=alpine:3.20 / /\nCOPY --from=proto / /\n",
		"app/main.go":      "package main\n",
		"app/tool.sh":      "#!/bin/sh\n",
		"proto/a.proto":    "syntax\n",
		"vendor/lib.go":    "package lib\n",
	}
}

// hashOf resolves the workspace after a change to its setup and returns the
// hash of app.
func hashOf(t *testing.T, files tree, change func(s *setup)) string {
	t.Helper()
	s := newSetup(t, files)
	s.files["app/current"] = &fstest.MapFile{Data: []byte("main.go"), Mode: fs.ModeSymlink | 0o777}
	if change != nil {
		change(s)
	}
	return s.resolve().Package("app").Hash
}

// edit replaces text in the root file.
func edit(old, new string) func(*testing.T, tree) tree {
	return func(t *testing.T, files tree) tree {
		t.Helper()
		return files.replace(t, "stowage.hcl", old, new)
	}
}

// write adds or replaces a file.
func write(name, content string) func(*testing.T, tree) tree {
	return func(_ *testing.T, files tree) tree { return files.with(tree{name: content}) }
}

// set changes the files or the clock of a setup.
func set(change func(s *setup)) hashRow { return hashRow{setup: change} }

type hashRow struct {
	edit  func(*testing.T, tree) tree
	setup func(*setup)
}

func (row hashRow) hash(t *testing.T) string {
	t.Helper()
	files := subject()
	if row.edit != nil {
		files = row.edit(t, files)
	}
	return hashOf(t, files, row.setup)
}

func TestHashChangesWithEachInput(t *testing.T) {
	rows := map[string]hashRow{
		"file content":    {edit: write("app/main.go", "package other\n")},
		"new file":        {edit: write("app/new.go", "package main\n")},
		"empty file":      {edit: write("app/empty", "")},
		"empty directory": {edit: write("app/empty/", "")},
		"removed file":    {edit: func(_ *testing.T, f tree) tree { return f.without("app/main.go") }},
		"file name": {edit: func(_ *testing.T, f tree) tree {
			return f.without("app/main.go").with(tree{"app/m.go": f["app/main.go"]})
		}},
		"x bit":             set(func(s *setup) { s.files["app/tool.sh"].Mode = 0o755 }),
		"symlink target":    set(func(s *setup) { s.files["app/current"].Data = []byte("tool.sh") }),
		"link made a file":  set(func(s *setup) { s.files["app/current"].Mode = 0o644 }),
		"extra source":      {edit: write("vendor/lib.go", "package changed\n")},
		"extra source's to": {edit: edit(`to = "vendor"`, `to = "third_party"`)},
		"Dockerfile":        {edit: write("app/Dockerfile", subject()["app/Dockerfile"]+"ENV A=1\n")},
		"inline Dockerfile": {edit: edit(`target      = "release"`, `dockerfile_inline = "FROM scratch"`)},
		"target":            {edit: edit(`"release"`, `"debug"`)},
		"arg value":         {edit: edit(`VERSION = "1"`, `VERSION = "2"`)},
		"arg name":          {edit: edit(`VERSION = "1"`, `VERSIONS = "1"`)},
		"arg made empty":    {edit: edit(`VERSION = "1"`, `VERSION = ""`)},
		"arg removed":       {edit: edit(`{ VERSION = "1" }`, `{}`)},
		"empty arg added":   {edit: edit(`VERSION = "1"`, "VERSION = \"1\"\nEMPTY = \"\"")},
		"label":             {edit: edit(`vendor = "acme"`, `vendor = "other"`)},
		"label name":        {edit: edit(`vendor = "acme"`, `maker = "acme"`)},
		"label to annotation": {edit: func(t *testing.T, f tree) tree {
			f = f.replace(t, "stowage.hcl", `labels      = { vendor = "acme" }`, `labels = {}`)
			return f.replace(t, "stowage.hcl", `about = "an app"`, "about = \"an app\"\nvendor = \"acme\"")
		}},
		"annotation":              {edit: edit(`"an app"`, `"the app"`)},
		"local context's file":    {edit: write("proto/a.proto", "other\n")},
		"local context's files":   {edit: write("proto/b.proto", "")},
		"context name":            {edit: edit(`proto = "proto"`, `protos = "proto"`)},
		"context URL":             {edit: edit(`cgr.test/static:1`, `cgr.test/static:2`)},
		"git context":             {edit: edit(`docker-image://cgr.test/static:1`, `https://git.test/a.git#`+commitOne)},
		"git context's commit":    {edit: edit(`docker-image://cgr.test/static:1`, `https://git.test/a.git#`+commitTwo)},
		"git context's directory": {edit: edit(`docker-image://cgr.test/static:1`, `https://git.test/a.git#`+commitOne+`:sub`)},
		"file context":            {edit: edit(`docker-image://cgr.test/static:1`, `https://www.test/a.tar#sha256:`+sixtyFour("1"))},
		"file context's digest":   {edit: edit(`docker-image://cgr.test/static:1`, `https://www.test/a.tar#sha256:`+sixtyFour("2"))},
		"layout context":          {edit: edit(`docker-image://cgr.test/static:1`, `oci-layout://proto@sha256:`+sixtyFour("1"))},
		"layout context's digest": {edit: edit(`docker-image://cgr.test/static:1`, `oci-layout://proto@sha256:`+sixtyFour("2"))},
		"context made a package":  {edit: edit(`cgr   = "docker-image://cgr.test/static:1"`, `cgr = package.other`)},
		"dependency":              {edit: write("base/new", "")},
		"dependency's dependency": {edit: write("deep/new", "")},
		"dependency exchanged":    {edit: write("app/Dockerfile", "FROM registry.test/acme/deep\nCOPY --from=alpine:3.20 / /\nCOPY --from=proto / /\n")},
		"external image":          {edit: write("app/Dockerfile", "FROM registry.test/acme/base\nCOPY --from=alpine:3.21 / /\nCOPY --from=proto / /\n")},
		"network":                 {edit: edit(`network      = "default"`, `network = "none"`)},
		"shm_size":                {edit: edit(`network      = "default"`, `shm_size = "64m"`)},
		"another shm_size":        {edit: edit(`network      = "default"`, `shm_size = "65m"`)},
		"ulimit":                  {edit: edit(`network      = "default"`, `ulimits = ["nofile=9"]`)},
		"ulimit's hard limit":     {edit: edit(`network      = "default"`, `ulimits = ["nofile=9:10"]`)},
		"another ulimit":          {edit: edit(`network      = "default"`, `ulimits = ["nproc=9"]`)},
		"extra host":              {edit: edit(`network      = "default"`, `extra_hosts = { db = "10.0.0.1" }`)},
		"extra host's address":    {edit: edit(`network      = "default"`, `extra_hosts = { db = "10.0.0.2" }`)},
		"another extra host":      {edit: edit(`network      = "default"`, `extra_hosts = { dc = "10.0.0.1" }`)},
		"provenance":              {edit: edit(`provenance = "min"`, `provenance = "max"`)},
		"sbom":                    {edit: edit("sbom       = true\n    scanner    = \"scan.test/one:1\"", `sbom = false`)},
		"scanner":                 {edit: edit(`scan.test/one:1`, `scan.test/two:1`)},
		"reproducible":            {edit: edit(`reproducible = false`, `reproducible = true`)},
		"refresh interval":        {edit: edit(`"24h"`, `"12h"`)},
		"next refresh bucket":     set(func(s *setup) { s.now = noon.Add(24 * time.Hour) }),
		"revision":                {edit: edit(`revision     = "1"`, `revision = "2"`)},
		"secret id":               {edit: edit(`secret "npm"`, `secret "yarn"`)},
		"ssh id":                  {edit: edit(`["default"]`, `["deploy"]`)},
		"platform's arg":          {edit: edit(`CFLAGS = "-O1"`, `CFLAGS = "-O2"`)},
		"platform's target":       {edit: edit(`target  = "fast"`, `target = "slow"`)},
		"platform's network":      {edit: edit(`network = "none"`, `network = "default"`)},
		"platform's override moved": {edit: func(t *testing.T, f tree) tree {
			f = f.replace(t, "stowage.hcl", `platforms   = ["linux/amd64"]`, `platforms = ["linux/amd64", "linux/arm64"]`)
			return f.replace(t, "stowage.hcl", `platform "linux/amd64"`, `platform "linux/arm64"`)
		}},
	}
	before := hashOf(t, subject(), nil)
	seen := map[string]string{before: "the workspace as it was"}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			hash := row.hash(t)
			if twin, ok := seen[hash]; ok {
				t.Errorf("the hash is that of %q", twin)
			}
			seen[hash] = name
		})
	}
}

// Contexts from elsewhere are what they are pinned to, wherever they are.
func TestHashOfContextsFromElsewhere(t *testing.T) {
	for what, pair := range map[string][2]string{
		"git":    {"https://git.test/a.git#" + commitOne + ":sub", "git@other.test:b/c.git#" + commitOne + ":sub/"},
		"file":   {"https://www.test/a.tar#sha256:" + sixtyFour("1"), "http://other.test/b?c=d#sha256:" + sixtyFour("1")},
		"layout": {"oci-layout://proto@sha256:" + sixtyFour("1"), "oci-layout://vendor:v1@sha256:" + sixtyFour("1")},
	} {
		old := "docker-image://cgr.test/static:1"
		a, b := hashRow{edit: edit(old, pair[0])}.hash(t), hashRow{edit: edit(old, pair[1])}.hash(t)
		if a != b {
			t.Errorf("%s: the hash depends on where it is", what)
		}
	}
}

const (
	commitOne = "1111111111111111111111111111111111111111"
	commitTwo = "2222222222222222222222222222222222222222"
)

func sixtyFour(digit string) string { return strings.Repeat(digit, 64) }

func TestHashIgnoresWhatIsNoInput(t *testing.T) {
	rows := map[string]hashRow{
		"nothing":        {},
		"platform added": {edit: edit(`platforms   = ["linux/amd64"]`, `platforms = ["linux/amd64", "linux/arm64"]`)},
		"comments":       {edit: edit(`package "app" {`, "# a comment\npackage \"app\" {\n  // another\n\n")},
		"formatting":     {edit: edit(`args        = { VERSION = "1" }`, "args={VERSION=\"1\"}")},
		"attribute order": {edit: func(t *testing.T, f tree) tree {
			f = f.replace(t, "stowage.hcl", "  target      = \"release\"\n", "")
			return f.replace(t, "stowage.hcl", `  revision     = "1"`, "  revision = \"1\"\n  target = \"release\"")
		}},
		"expression for the same value": {edit: edit(`VERSION = "1"`, `VERSION = join("", ["1"])`)},
		"other package":                 {edit: write("other/new", "")},
		"new package":                   {edit: edit(`package "other"`, "package \"more\" {\n  context = \"other\"\n}\n\npackage \"other\"")},
		"workspace name":                {edit: edit(`name      = "acme"`, `name = "emca"`)},
		"builder":                       {edit: edit(`slots     = 1`, `slots = 9`)},
		"cache_from":                    {edit: edit(`cache_from   = ["type=registry,ref=cache.test/a"]`, `cache_from = []`)},
		"cache_to":                      {edit: edit(`cache_to     = ["type=registry,ref=cache.test/a"]`, `cache_to = []`)},
		"extra_tags":                    {edit: edit(`["latest"]`, `["edge"]`)},
		"tag":                           {edit: edit(`extra_tags   = ["latest"]`, `tag = "v3-${self.hash}"`)},
		"depends_on":                    {edit: edit(`[package.lint]`, `[package.other]`)},
		"what depends_on names":         {edit: write("lint/new", "")},
		"retries":                       {edit: edit(`retries      = 0`, `retries = 3`)},
		"timeout":                       {edit: edit(`"30m"`, `"40m"`)},
		"platform's timeout":            {edit: edit(`"10m"`, `"11m"`)},
		"no_cache":                      {edit: edit(`no_cache     = false`, `no_cache = true`)},
		"no_cache_stages":               {edit: edit(`no_cache     = false`, `no_cache_stages = ["build"]`)},
		"pull":                          {edit: edit(`no_cache     = false`, `pull = true`)},
		"cgroup_parent":                 {edit: edit(`no_cache     = false`, `cgroup_parent = "/builds"`)},
		"output":                        {edit: edit(`no_cache     = false`, "output \"local\" {\n dest = \"dist\"\n}")},
		"no limits": {edit: func(t *testing.T, f tree) tree {
			return f.replace(t, "stowage.hcl", `network      = "default"`, `network = "default"
  ulimits = []`)
		}},
		"secret env":  {edit: edit(`"NPM_TOKEN"`, `"OTHER_TOKEN"`)},
		"secret file": {edit: edit(`env = "NPM_TOKEN"`, `file = "/run/secrets/npm"`)},
		"secret value": set(func(s *setup) {
			s.schema.Getenv = func(string) (string, bool) { return "hunter2", true }
		}),
		"clock within a bucket": set(func(s *setup) { s.now = noon.Add(11 * time.Hour) }),
		"clock's zone":          set(func(s *setup) { s.now = noon.In(time.FixedZone("", 7200)) }),
		"mtime, other modes": set(func(s *setup) {
			s.files["app/main.go"].ModTime = noon
			s.files["app/main.go"].Mode = 0o600
		}),
		"dirty": set(func(s *setup) { s.sources.dirty = map[string]bool{"app": true} }),
	}
	want := hashOf(t, subject(), nil)
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			if got := row.hash(t); got != want {
				t.Errorf("the hash changed from %s to %s", want, got)
			}
		})
	}
}

// Images are found once for each platform, and are one input all the same.
func TestHashIgnoresHowManyPlatformsUseAnImage(t *testing.T) {
	files := inline(map[string]string{
		"app": "platforms = [\"linux/amd64\"]\n" + from("FROM debian:13", "COPY --from=alpine:3.20 / /", "COPY --from=debian:13 / /"),
	})
	more := files.replace(t, "stowage.hcl", `platforms = ["linux/amd64"]`, `platforms = ["linux/amd64", "linux/arm64"]`)
	a, b := resolve(t, files).Package("app"), resolve(t, more).Package("app")
	if a.Hash != b.Hash {
		t.Errorf("inputs are %+v, with a platform more %+v", a.Inputs.List, b.Inputs.List)
	}
}
