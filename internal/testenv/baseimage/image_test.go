package baseimage

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"io"
	"io/fs"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

func TestIndexHasBothArchitectures(t *testing.T) {
	index, err := Index(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, m := range manifest.Manifests {
		image, err := index.Image(m.Digest)
		if err != nil {
			t.Fatal(err)
		}
		want, ok := machines[m.Platform.Architecture]
		if !ok {
			t.Errorf("platform %s twice, or not asked for", m.Platform)
		}
		delete(machines, m.Platform.Architecture)
		checkImage(t, image, want)
	}
	if len(machines) > 0 {
		t.Errorf("no image for %v", machines)
	}
}

// checkImage looks for a busybox of the right machine, that its applets lead
// there, and what instructions expect of a root file system.
func checkImage(t *testing.T, image v1.Image, machine elf.Machine) {
	t.Helper()
	files := extract(t, image)
	binary, err := elf.NewFile(bytes.NewReader(files["bin/busybox"].Data))
	if err != nil {
		t.Fatal(err)
	}
	if binary.Machine != machine {
		t.Errorf("busybox is for %v, want %v", binary.Machine, machine)
	}
	if imports, err := binary.ImportedLibraries(); err != nil || len(imports) > 0 {
		t.Errorf("busybox needs %q (%v), want a static binary", imports, err)
	}
	for _, applet := range []string{"bin/sh", "bin/cat", "usr/bin/wc"} {
		if f := files[applet]; f == nil || f.Mode.Type() != fs.ModeSymlink || string(f.Data) != "/bin/busybox" {
			t.Errorf("%s is %+v, want a link to busybox", applet, f)
		}
	}
	if f := files["tmp"]; f == nil || f.Mode != fs.ModeDir|fs.ModeSticky|0o777 {
		t.Errorf("/tmp is %+v", f)
	}
	if f := files["etc/passwd"]; f == nil || !bytes.HasPrefix(f.Data, []byte("root:")) {
		t.Errorf("/etc/passwd is %+v", f)
	}
}

func extract(t *testing.T, image v1.Image) fstest.MapFS {
	t.Helper()
	r := mutate.Extract(image)
	defer r.Close()
	files := fstest.MapFS{}
	archive := tar.NewReader(r)
	for {
		h, err := archive.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeSymlink {
			data = []byte(h.Linkname)
		}
		name := bytes.TrimSuffix([]byte(h.Name), []byte("/"))
		if files[string(name)] != nil {
			t.Errorf("%s is in the image twice", name)
		}
		files[string(name)] = &fstest.MapFile{Data: data, Mode: h.FileInfo().Mode()}
	}
}
