package conformance

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/stowage-build/stowage/executor"
	"github.com/stowage-build/stowage/planner"
)

const (
	aDirectory = "drwxr-xr-x 0:0"
	aLink      = "Lrwxrwxrwx 0:0 -> "
	aFile      = "-rw-r--r-- 0:0 "
	aProgram   = "-rwxr-xr-x 0:0 "
)

// contextIsExact: what COPY . finds is the request's files and nothing else,
// whatever is beside them on disk and whatever a .dockerignore says, which the
// planner has applied already.
func contextIsExact(t *testing.T, b BuilderUnderTest) {
	dir := t.TempDir()
	req := b.request("FROM scratch", "COPY . /")
	req.Files = sourcesIn(t, dir, map[string]string{
		".dockerignore": "*\n", ".hidden": "h", "Dockerfile": "FROM nothing\n",
		"a": "", "a-b": "1", "a.b/c": "2", "aa/b/c*": "#!\n", "aa/b.c": "3", "aa/b/d": "4",
		"-v": "5", "name with  spaces": "6", "*?[x]": "7", "ünïcödé\n\t\"'\\": "8",
		"empty/": "", "deep/er/empty/": "",
		"links/in -> ../a": "", "links/out -> ../../../etc/passwd": "", "links/abs -> /etc/passwd": "",
		"links/none -> not there": "", "links/self -> self": "", "links/dir -> .": "",
		strings.Repeat("long/", 30) + strings.Repeat("n", 200): "9",
		"large": strings.Repeat("0123456789abcdef", 1<<14),
	})
	write(t, filepath.Join(dir, "untracked"), "must not be sent", 0o644)
	want := map[string]string{
		".dockerignore": aFile + "*\n", ".hidden": aFile + "h", "Dockerfile": aFile + "FROM nothing\n",
		"a": aFile, "a-b": aFile + "1", "a.b": aDirectory, "a.b/c": aFile + "2",
		"aa": aDirectory, "aa/b": aDirectory, "aa/b/c": aProgram + "#!\n", "aa/b.c": aFile + "3", "aa/b/d": aFile + "4",
		"-v": aFile + "5", "name with  spaces": aFile + "6", "*?[x]": aFile + "7", "ünïcödé\n\t\"'\\": aFile + "8",
		"empty": aDirectory, "deep": aDirectory, "deep/er": aDirectory, "deep/er/empty": aDirectory,
		"links": aDirectory, "links/in": aLink + "../a", "links/out": aLink + "../../../etc/passwd", "links/abs": aLink + "/etc/passwd",
		"links/none": aLink + "not there", "links/self": aLink + "self", "links/dir": aLink + ".",
		strings.Repeat("long/", 30) + strings.Repeat("n", 200): aFile + "9",
		"large": aFile + strings.Repeat("0123456789abcdef", 1<<14),
	}
	for i := range 30 {
		want[strings.TrimSuffix(strings.Repeat("long/", i+1), "/")] = aDirectory
	}
	b.wantExactly(t, b.build(t, req).Manifest, want)
	// Less, at the same place: nothing of what was sent before is left.
	req.Files = slices.DeleteFunc(req.Files, func(f planner.File) bool { return f.Path != "aa/b/d" })
	b.wantExactly(t, b.build(t, req).Manifest, map[string]string{"aa": aDirectory, "aa/b": aDirectory, "aa/b/d": aFile + "4"})
}

func emptyContext(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM "+baseName, "COPY . /src/", "RUN echo 1 > /one")
	b.wantFile(t, b.build(t, req).Manifest, "one", "1\n")
}

// localContextIsExact: directories under a name are as exact as the context,
// and apart from it.
func localContextIsExact(t *testing.T, b BuilderUnderTest) {
	req := b.request("FROM scratch", "COPY . /main", "COPY --from=proto . /proto", "COPY --from=other d /other")
	req.Files = sources(t, map[string]string{"f": "main"})
	req.LocalContexts = map[string][]planner.File{
		"proto": sources(t, map[string]string{"f*": "proto", ".dockerignore": "*", "e/": "", "l -> f": ""}),
		"other": sources(t, map[string]string{"d/g": "other", "f": "not copied"}),
	}
	b.wantExactly(t, b.build(t, req).Manifest, map[string]string{
		"main": aDirectory, "main/f": aFile + "main",
		"proto": aDirectory, "proto/f": aProgram + "proto", "proto/.dockerignore": aFile + "*", "proto/e": aDirectory, "proto/l": aLink + "f",
		"other": aDirectory, "other/g": aFile + "other",
	})
}

// dockerfileIsTheRequests: the one that is built is the request's, wherever
// its name leads and whatever is at that name in the context.
func dockerfileIsTheRequests(t *testing.T, b BuilderUnderTest) {
	for _, name := range []string{"Dockerfile", "deep/er/app.Dockerfile", "../outside/Dockerfile", "name with spaces"} {
		req := b.request("FROM scratch", "COPY f /")
		req.DockerfileName = name
		req.Files = sources(t, map[string]string{"Dockerfile": "FROM nothing", "deep/er/app.Dockerfile": "FROM nothing", "f": name})
		b.wantExactly(t, b.build(t, req).Manifest, map[string]string{"f": aFile + name})
	}
}

// changedFileFails: a file that is not as it was planned makes the build fail,
// by its name and for good, and nothing comes into the store. Put right, it is
// built as planned: the builder keeps nothing of the failed transfer.
func changedFileFails(t *testing.T, b BuilderUnderTest) {
	long := strings.Repeat("0123456789abcdef", 1<<14)
	for name, damage := range map[string]func(name string) error{
		"same length": func(name string) error { return os.WriteFile(name, []byte("x"+long[1:]), 0o600) },
		"longer":      func(name string) error { return os.WriteFile(name, []byte(long+"x"), 0o600) },
		"shorter":     func(name string) error { return os.WriteFile(name, []byte(long[:1000]), 0o600) },
		"empty":       func(name string) error { return os.Truncate(name, 0) },
		"missing":     os.Remove,
		"directory":   func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o700)) },
		"dead link":   func(name string) error { return errors.Join(os.Remove(name), os.Symlink("nowhere", name)) },
	} {
		t.Run(name, func(t *testing.T) {
			req := b.request("FROM "+baseName, "COPY . /src")
			req.Files = sources(t, map[string]string{"a": "beside", "b/damaged": long + name, "c": "beside"})
			at := req.Files[slices.IndexFunc(req.Files, func(f planner.File) bool { return f.Path == "b/damaged" })].Origin
			before := b.digests(t)
			if err := damage(at); err != nil {
				t.Fatal(err)
			}
			_, _, err := b.try(t.Context(), t, req)
			if err == nil || !strings.Contains(err.Error(), at) || executor.Transient(err) || errors.Is(err, fs.ErrInvalid) {
				t.Errorf("error is %v, want a lasting one that names %s", err, at)
			}
			if after := b.digests(t); !slices.Equal(before, after) {
				t.Errorf("the store had %d blobs and has %d", len(before), len(after))
			}
			if err := os.RemoveAll(at); err != nil {
				t.Fatal(err)
			}
			write(t, at, long+name, 0o600)
			b.wantFile(t, b.build(t, req).Manifest, "src/b/damaged", long+name)
		})
	}
}

// namedImageIsUsed: the request's images are what names in the Dockerfile
// mean, in whichever form either is written.
func namedImageIsUsed(t *testing.T, b BuilderUnderTest) {
	another := digest.FromString("not that of the image").String()
	for _, c := range []struct{ given, written string }{
		{"registry.test/acme/base:1", "registry.test/acme/base:1"},
		{"registry.test/acme/base", "registry.test/acme/base:latest"},
		{"registry.test/acme/base:latest", "registry.test/acme/base"},
		{"docker.io/library/base:1", "base:1"},
		{"base:1", "docker.io/library/base:1"},
		{"docker.io/acme/base:latest", "acme/base"},
		{"localhost:5000/base:1", "localhost:5000/base:1"},
		{"registry.test/acme/base:1@" + another, "registry.test/acme/base:1@" + another},
		{"base@" + another, "docker.io/library/base@" + another},
	} {
		text := "content of " + c.written
		req := b.request("FROM "+c.written, "COPY --from="+c.written+" /file /copied")
		req.Images = []executor.NamedImage{b.image(t, c.given, b.Platform, text)}
		desc := b.build(t, req).Manifest
		b.wantFile(t, desc, "file", text)
		b.wantFile(t, desc, "copied", text)
	}
}

// namedImageMoves: the digest decides, not the name.
func namedImageMoves(t *testing.T, b BuilderUnderTest) {
	for _, text := range []string{"one", "two", "one"} {
		req := b.request("FROM "+baseName, "COPY --from=registry.test/tools:1 file /tool", "RUN cat /tool > /used")
		req.Images = append(req.Images, b.image(t, "registry.test/tools:1", b.Platform, text))
		b.wantFile(t, b.build(t, req).Manifest, "used", text)
	}
	gone := ocispec.Descriptor{MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString("gone"), Size: 4}
	req := b.request("FROM registry.test/tools:1")
	req.Images = []executor.NamedImage{{Name: "registry.test/tools:1", Platform: b.Platform, Descriptor: gone}}
	if _, _, err := b.try(t.Context(), t, req); err == nil {
		t.Error("a build did without an image that the store does not have")
	}
}

// namedImagesOfPlatforms: one name may stand for an image of each platform.
func namedImagesOfPlatforms(t *testing.T, b BuilderUnderTest) {
	const name = "registry.test/tools:1"
	req := b.request("FROM --platform=linux/s390x "+name+" AS tools", "FROM "+name, "COPY --from=tools /file /tool")
	req.Platform = "linux/arm64"
	req.Images = []executor.NamedImage{
		b.image(t, name, "linux/arm64", "arm64"), b.image(t, name, "linux/s390x", "s390x"), b.image(t, name, "linux/arm/v7", "v7"),
	}
	desc := b.build(t, req).Manifest
	b.wantFile(t, desc, "file", "arm64")
	b.wantFile(t, desc, "tool", "s390x")
	req.Platform, req.Dockerfile = "linux/arm/v7", []byte("FROM "+name+"\n")
	b.wantFile(t, b.build(t, req).Manifest, "file", "v7")
}
