package planner_test

import (
	"strings"
	"testing"

	"github.com/stowage-build/stowage/planner"
)

const pinned = "x.test/tool:1@sha256:0123456789012345678901234567890123456789012345678901234567890123"

// archiving is a workspace whose package app has base in an archive.
func archiving() tree {
	return tree{
		"stowage.hcl": header + `
package "base" {
  context = "base"
}

package "app" {
  context = "app"
  archive "images.tar" {
    images = [package.base.ref, "` + pinned + `"]
  }
}
`,
		"base/Dockerfile": "FROM scratch\n",
		"app/Dockerfile":  "FROM scratch\nCOPY images.tar /\n",
	}
}

func TestArchives(t *testing.T) {
	r := resolve(t, archiving())
	app, base := r.Package("app"), r.Package("base")
	if len(app.Archives) != 1 || app.Archives[0].Format != "docker" || app.Archives[0].Path != "images.tar" {
		t.Fatalf("archives are %+v", app.Archives)
	}
	images := app.Archives[0].Images
	if images[0].Package != "base" || images[0].Ref != base.Ref() || images[1].Package != "" || images[1].Ref != pinned {
		t.Errorf("images are %+v", images)
	}
	equal(t, "edges", edges(r, "app"), []string{"base archive"})
	equal(t, "node edges", r.Nodes.DependenciesOf("app:"+arm64), []string{"base:" + arm64})
	if uses := app.Uses(arm64); len(uses) != 1 || uses[0] != (planner.Use{Package: "base", Platform: arm64}) {
		t.Errorf("uses are %+v", uses)
	}
}

// TestArchivesInTheHash: all that decides an archive's bytes is in the hash,
// and nothing of the other packages' hashes changes.
func TestArchivesInTheHash(t *testing.T) {
	files := archiving()
	was := resolve(t, files)
	for name, change := range map[string]struct{ file, old, new string }{
		"digest":         {"stowage.hcl", "sha256:0123", "sha256:1123"},
		"tag":            {"stowage.hcl", "tool:1@", "tool:2@"},
		"order":          {"stowage.hcl", `package.base.ref, "` + pinned + `"`, `"` + pinned + `", package.base.ref`},
		"path":           {"stowage.hcl", `archive "images.tar"`, `archive "other.tar"`},
		"format":         {"stowage.hcl", "package.base.ref,", "package.base.ref,\n"},
		"package":        {"base/Dockerfile", "FROM scratch", "FROM scratch\nCOPY . /x"},
		"package's name": {"stowage.hcl", `context = "base"`, "context = \"base\"\n  image = \"other\""},
	} {
		t.Run(name, func(t *testing.T) {
			changed := files.replace(t, change.file, change.old, change.new)
			if name == "format" {
				changed = files.replace(t, "stowage.hcl", "    images =", "    format = \"oci\"\n    images =")
			}
			if now := resolve(t, changed).Package("app"); now.Hash == was.Package("app").Hash {
				t.Error("the hash stays the same")
			}
		})
	}
	equal(t, "reformatted", []string{resolve(t, files.replace(t, "stowage.hcl", "    images =", "\n    format = \"docker\"\n    images =")).Package("app").Hash},
		[]string{was.Package("app").Hash})
}

func TestArchiveMistakes(t *testing.T) {
	for name, test := range map[string]struct {
		files tree
		want  string
	}{
		"in the place of a file":        {archiving().with(tree{"app/images.tar": "x"}), "Archive in the place of a file"},
		"in the place of a directory":   {archiving().with(tree{"app/images.tar/a": "x"}), "the archive images.tar and the file images.tar/a"},
		"below a file":                  {archiving().replace(t, "stowage.hcl", "images.tar", "a/images.tar").with(tree{"app/a": "x"}), "the archive a/images.tar and the file a"},
		"platform that the image lacks": {archiving().replace(t, "stowage.hcl", `context = "base"`, "context = \"base\"\n  platforms = [\"linux/amd64\"]"), "Package app for linux/arm64 needs package base for linux/arm64"},
		"no digest":                     {archiving().replace(t, "stowage.hcl", pinned, "x.test/tool:1"), "Image without a digest"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := list(newSetup(t, test.files).diagnose()); !strings.Contains(got, test.want) {
				t.Errorf("diagnostics are\n%s\nwant %q", got, test.want)
			}
		})
	}
}
