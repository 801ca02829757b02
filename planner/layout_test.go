package planner_test

import (
	"strings"
	"testing"
)

// layoutWorkspace has a package with a layout as a context.
func layoutWorkspace(context, index string) tree {
	return inline(map[string]string{"app": `contexts = { base = "` + context + `" }`}).with(tree{"images/index.json": index})
}

const oneImage = `{"manifests": [{"digest": "sha256:` + "1111111111111111111111111111111111111111111111111111111111111111" + `", "annotations": {"org.opencontainers.image.ref.name": "v1"}}]}`

const twoImages = `{"manifests": [
 {"digest": "sha256:` + "1111111111111111111111111111111111111111111111111111111111111111" + `", "annotations": {"org.opencontainers.image.ref.name": "v1"}},
 {"digest": "sha256:` + "2222222222222222222222222222222222222222222222222222222222222222" + `", "annotations": {"org.opencontainers.image.ref.name": "v2"}}]}`

// TestLayoutContexts: a layout's index says which image is meant.
func TestLayoutContexts(t *testing.T) {
	for context, want := range map[string]string{
		"oci-layout://images":                             "1",
		"oci-layout://images:v2":                          "2",
		"oci-layout://images:v1@sha256:" + sixtyFour("3"): "3",
	} {
		index := twoImages
		if !strings.Contains(context, ":v") {
			index = oneImage
		}
		if got := resolve(t, layoutWorkspace(context, index)).Package("app").Contexts["base"].Pin; got != "sha256:"+sixtyFour(want) {
			t.Errorf("%s is %s", context, got)
		}
	}
	moved := strings.ReplaceAll(oneImage, "1111", "3333")
	if resolve(t, layoutWorkspace("oci-layout://images", oneImage)).Package("app").Hash == resolve(t, layoutWorkspace("oci-layout://images", moved)).Package("app").Hash {
		t.Error("another image in the layout gives the same hash")
	}
}

func TestLayoutContextMistakes(t *testing.T) {
	for name, c := range map[string]struct{ context, index, want string }{
		"several":    {"oci-layout://images", twoImages, "several images"},
		"no tag":     {"oci-layout://images:v3", twoImages, `no image tagged "v3"`},
		"none":       {"oci-layout://images", `{}`, "no image in it"},
		"no index":   {"oci-layout://images", `[]`, "no index of an OCI layout"},
		"bad digest": {"oci-layout://images", `{"manifests": [{"digest": "sha256:1"}]}`, "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			diags := newSetup(t, layoutWorkspace(c.context, c.index)).diagnose()
			if len(diags) != 1 || !strings.Contains(diags[0].Detail, c.want) {
				t.Errorf("diagnostics are %v, want one with %q", diags, c.want)
			}
		})
	}
}
