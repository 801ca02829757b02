package imageindex_test

import (
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/internal/imageindex"
)

// index has an image with an attestation for each platform; text tells its
// images from those of others.
func index(t *testing.T, text, hash string, platforms ...string) *ocispec.Index {
	t.Helper()
	idx := imageindex.New()
	imageindex.Annotate(idx, map[string]string{"hash": hash})
	for _, p := range platforms {
		d := image(text + p)
		imageindex.Put(idx, platform(t, p), d, []ocispec.Descriptor{attestation("about "+text+p, d)})
	}
	imageindex.Sort(idx, platforms)
	return idx
}

func TestMerge(t *testing.T) {
	const amd, arm, s390x = "linux/amd64", "linux/arm64", "linux/s390x"
	tests := []struct {
		name          string
		remote, local *ocispec.Index
		how           imageindex.Merging
		want          string
		push          int
		unchanged     bool
		wantErr       bool
	}{
		{name: "new", local: index(t, "l", "a", amd, arm), how: imageindex.Merging{Platforms: []string{amd, arm}}, want: amd + " " + arm + " att att", push: 2},
		{name: "all of the local", local: index(t, "l", "a", amd, arm), want: amd + " " + arm + " att att", push: 2},
		{name: "some", local: index(t, "l", "a", amd, arm), how: imageindex.Merging{Platforms: []string{arm}}, want: arm + " att", push: 1},
		{name: "there already", remote: index(t, "r", "a", amd), local: index(t, "l", "a", amd), want: amd + " att", unchanged: true},
		{name: "there under a strange hash", remote: index(t, "r", "", amd), local: index(t, "l", "a", amd), want: amd + " att", unchanged: true},
		{name: "overwritten", remote: index(t, "r", "a", amd), local: index(t, "l", "a", amd), how: imageindex.Merging{Overwrite: true}, want: amd + " att", push: 1},
		{name: "other inputs", remote: index(t, "r", "b", amd, arm), local: index(t, "l", "a", amd), want: amd + " att", push: 1},
		{name: "another platform", remote: index(t, "r", "a", s390x), local: index(t, "l", "a", amd), want: s390x + " " + amd + " att att", push: 1},
		{name: "all named", remote: index(t, "r", "a", s390x), local: index(t, "l", "a", amd), how: imageindex.Merging{Platforms: []string{amd, s390x}}, want: amd + " " + s390x + " att att", push: 1},
		{name: "one of several overwritten", remote: index(t, "r", "a", amd, arm), local: index(t, "l", "a", arm), how: imageindex.Merging{Overwrite: true}, want: amd + " " + arm + " att att", push: 1},
		{name: "only there", remote: index(t, "r", "a", amd), local: imageindex.New(), how: imageindex.Merging{Platforms: []string{amd}, Overwrite: true}, want: amd + " att", unchanged: true},
		{name: "nowhere", remote: index(t, "r", "a", amd), local: index(t, "l", "a", amd), how: imageindex.Merging{Platforms: []string{arm}}, wantErr: true},
		{name: "of other inputs only", remote: index(t, "r", "b", amd, arm), local: index(t, "l", "a", amd), how: imageindex.Merging{Platforms: []string{amd, arm}}, wantErr: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.how.HashKey = "hash"
			before := ""
			if test.remote != nil {
				before = names(test.remote)
			}
			got, push, err := imageindex.Merge(test.remote, test.local, test.how)
			if (err != nil) != test.wantErr {
				t.Fatal(err)
			}
			if test.remote != nil && names(test.remote) != before {
				t.Errorf("the remote index was changed to %s", names(test.remote))
			}
			if err != nil {
				return
			}
			if names(got) != test.want || len(push) != test.push {
				t.Errorf("merged to %s with %d to push, want %s with %d", names(got), len(push), test.want, test.push)
			}
			if (got == test.remote) != test.unchanged {
				t.Errorf("unchanged is %v, want %v", got == test.remote, test.unchanged)
			}
			if hash := got.Annotations["hash"]; !test.unchanged && hash != "a" {
				t.Errorf("hash is %q, want the local one", hash)
			}
		})
	}
}
