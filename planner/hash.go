package planner

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The input hash.
//
// A package's hash says what its image is made of, before it is made. Two
// packages with one hash may use one image; a package whose hash has not been
// built must be. So the hash has everything in it that can change the result,
// and nothing that cannot: what is missing from it makes false reuse, what is
// too much makes false rebuilds.
//
// In it, in this order (inputs below is the list, and the only one):
//
//   - the source set: path, type, content digest or link target of each file.
//     Exactly these files are sent to the builder, with fixed owners, modes
//     and times, so mtime, owner and umask are not in it;
//   - the Dockerfile (which need not be in the source set), and the stage;
//   - arguments, labels and annotations as evaluated, those of platform
//     blocks too. Formatting, comments and the order in which they are
//     written do not exist any more at that point;
//   - named contexts: the files of a directory, the locked digest of an image
//     or, without a lock file, its reference; of a git repository the commit,
//     of a file its digest, of an OCI layout the image's, wherever they are;
//   - archives of images: path, format, and the reference of each image,
//     which has a digest unless it is of a workspace package;
//   - the hash of each workspace package that the image is made from, so a
//     change reaches all dependents; and which name, of a named context or in
//     the Dockerfile, means which of them: two that change places make another
//     image;
//   - each external image that the Dockerfile names: its locked digest or,
//     without a lock file, its reference;
//   - what instructions run in: network, /etc/hosts, the size of /dev/shm and
//     resource limits, all of which they can see. The control group is not in
//     it: it is a place on the builder's machine, which accounts and limits
//     there, as slots do;
//   - attestations, reproducible, secret and ssh ids (never values:
//     a secret that changes the result is a mistake to be mended with
//     revision), the refresh bucket, and revision.
//
// Not in it: the platform, so that adding one keeps the tag and builds only
// the new node; package and repository name, registry, checkout path, commit,
// builder, jobs and cache settings, because they do not reach the result; and
// depends_on, which is order only.
//
// The encoding is a list of (kind, name, digest) triples, each string
// preceded by its length, after a line that names the version of the
// encoding. Strings cannot run into each other, and a new kind of input that
// a package does not use leaves its hash as it is. A change that gives the
// same package another hash must change hashVersion, and with it rebuilds
// the world: a golden test guards against doing so by accident.
const hashVersion = "stowage inputs 2\n"

// tagDigits is how many hex digits of the hash make a tag: 160 bits, the
// length of a git object id.
const tagDigits = 40

// sum hashes inputs in their canonical encoding.
func sum(list []Input) string { return encode(hashVersion, list) }

// encode hashes inputs in the canonical encoding of a version.
func encode(version string, list []Input) string {
	size := len(version)
	for _, in := range list {
		size += len(in.Kind) + len(in.Name) + len(in.Digest) + 3*binary.MaxVarintLen16
	}
	text := append(make([]byte, 0, size), version...)
	for _, in := range list {
		text = appendString(text, in.Kind)
		text = appendString(text, in.Name)
		text = appendString(text, in.Digest)
	}
	return hexSum(text)
}

// appendString appends a string preceded by its length.
func appendString(text []byte, s string) []byte {
	return append(binary.AppendUvarint(text, uint64(len(s))), s...)
}

// digest is the digest of a value made of parts.
func digest(parts ...string) string {
	var short [256]byte // most values fit, and need no memory of their own
	text := short[:0]
	for _, p := range parts {
		text = appendString(text, p)
	}
	return hexSum(text)
}

// hexSum is the sha256 of text in lower-case hex.
func hexSum(text []byte) string {
	digest := sha256.Sum256(text)
	var digits [2 * sha256.Size]byte
	hex.Encode(digits[:], digest[:])
	return string(digits[:])
}

// Kinds of inputs.
const (
	inputFile       = "file"
	inputDockerfile = "dockerfile"
	inputTarget     = "target"
	inputArg        = "arg"
	inputLabel      = "label"
	inputAnnotation = "annotation"
	inputContext    = "context"
	inputArchive    = "archive"
	inputDependency = "dependency"
	inputImage      = "image"
	inputOption     = "option"
	inputSecret     = "secret"
	inputSSH        = "ssh"
	inputRefresh    = "refresh"
	inputRevision   = "revision"
)

// inputs lists everything that decides p's result. dependency returns the
// hash of a package.
func inputs(p *Package, dependency func(name string) string, now time.Time) *Inputs {
	w := walk{pkg: p}
	if p.Sources != nil {
		w.list = make([]Input, 0, len(p.Sources.Files)+16)
	}
	w.files(inputFile, "", p.Sources)
	w.add(inputDockerfile, "", digest(string(p.DockerfileContent)))
	w.value(inputTarget, "", p.Target)
	w.args("", p.Args)
	w.values(inputLabel, p.Labels)
	w.values(inputAnnotation, p.Annotations)
	w.contexts()
	w.names()
	w.archives()
	for _, name := range inputPackages(p.Edges) {
		w.add(inputDependency, name, dependency(name))
	}
	w.images()
	w.tools()
	w.options()
	w.overrides()
	for _, s := range p.Secrets {
		w.add(inputSecret, s.ID, digest(s.ID))
	}
	w.ssh()
	if p.Refresh > 0 {
		bucket := now.UTC().Truncate(p.Refresh).Format(time.RFC3339)
		w.add(inputRefresh, p.Refresh.String(), digest(bucket))
	}
	w.value(inputRevision, "", p.Revision)
	return &Inputs{Package: p.Name, Hash: sum(w.list), List: w.list}
}

// walk collects inputs in canonical order.
type walk struct {
	pkg  *Package
	list []Input
}

func (w *walk) add(kind, name, digest string) {
	w.list = append(w.list, Input{Kind: kind, Name: name, Digest: digest})
}

// value adds a value unless it is the empty one, which is the default of
// everything that is added so.
func (w *walk) value(kind, name, value string) {
	if value != "" {
		w.add(kind, name, digest(value))
	}
}

func (w *walk) values(kind string, m map[string]string) {
	for _, name := range sortedKeys(m) {
		w.add(kind, name, digest(m[name]))
	}
}

func (w *walk) args(prefix string, m map[string]string) {
	for _, name := range sortedKeys(m) {
		w.list = append(w.list, Input{
			Kind: inputArg, Name: prefix + name, Digest: digest(m[name]),
			Through: slices.Sorted(slices.Values(w.pkg.ArgPackages[name])),
		})
	}
}

func (w *walk) files(kind, prefix string, set *SourceSet) {
	if set == nil {
		return
	}
	for _, f := range set.Files {
		w.add(kind, prefix+f.Path, digest(string(f.Type), f.Digest, f.Link))
	}
}

// ssh adds the ids of agents, in their order: that in which they are written
// says nothing, nor where the keys are.
func (w *walk) ssh() {
	var ids []string
	for _, source := range w.pkg.SSH {
		id, _, _ := strings.Cut(source, "=")
		ids = append(ids, id)
	}
	slices.Sort(ids)
	for _, id := range ids {
		w.add(inputSSH, id, digest(id))
	}
}

// contexts adds named contexts. One that is a package is a dependency; that
// it goes by this name is an input too.
func (w *walk) contexts() {
	for _, name := range sortedKeys(w.pkg.Contexts) {
		switch c := w.pkg.Contexts[name]; {
		case c.Package != "":
			w.add(inputContext, name, digest("package", c.Package))
		case w.pkg.locked[strings.TrimPrefix(c.URL, imageScheme)].Digest != "":
			locked := w.pkg.locked[strings.TrimPrefix(c.URL, imageScheme)]
			w.add(inputContext, name, digest("image"))
			w.add(inputImage, name, digest("locked", locked.Digest))
		case c.URL != "":
			w.add(inputContext, name, digest("url", c.URL))
		case c.Git != "":
			w.add(inputContext, name, digest("git", c.Pin))
		case c.File != "":
			w.add(inputContext, name, digest("file", c.Pin))
		case c.Layout != "":
			w.add(inputContext, name, digest("oci-layout", c.Pin))
		default:
			w.add(inputContext, name, digest("directory"))
			w.files(inputContext, name+"/", w.pkg.LocalContexts[name])
		}
	}
}

// names adds which packages the images are that the Dockerfile names, without
// their tags: those are made of hashes, which are inputs as dependencies.
func (w *walk) names() {
	slices.SortFunc(w.pkg.named, func(a, b naming) int { return compareStrings(a.repository, b.repository, a.pkg, b.pkg) })
	for _, n := range w.pkg.named {
		w.add(inputContext, n.repository, digest("package", n.pkg))
	}
}

// images adds the external images that the Dockerfile names: what they are
// locked to, or their references. The references of tools are in the Dockerfile
// and in the options already.
func (w *walk) images() {
	seen := map[string]bool{}
	for _, use := range w.pkg.external {
		if use.Context != "" || use.tool != "" || seen[use.ref] {
			continue
		}
		seen[use.ref] = true
		if locked, ok := w.pkg.locked[use.ref]; ok {
			w.add(inputImage, use.ref, digest("locked", locked.Digest))
		} else {
			w.add(inputImage, use.ref, digest(use.ref))
		}
	}
}

// tools adds what the images that run in builds are locked to.
func (w *walk) tools() {
	seen := map[string]bool{}
	for _, use := range w.pkg.external {
		locked, ok := w.pkg.locked[use.ref]
		name := string(use.tool) + " " + use.ref
		if use.tool == "" || !ok || seen[name] {
			continue
		}
		seen[name] = true
		w.add(inputImage, name, digest("locked", locked.Digest))
	}
}

func (w *walk) options() {
	p := w.pkg
	if p.Network != "default" {
		w.value(inputOption, "network", p.Network)
	}
	if p.ShmSize > 0 {
		w.value(inputOption, "shm_size", strconv.FormatInt(p.ShmSize, 10))
	}
	for _, limit := range p.Ulimits {
		name, value, _ := strings.Cut(limit, "=")
		w.value(inputOption, "ulimit "+name, value)
	}
	for _, host := range sortedKeys(p.ExtraHosts) {
		w.value(inputOption, "extra_host "+host, p.ExtraHosts[host])
	}
	if p.Reproducible {
		w.value(inputOption, "reproducible", "true")
	}
	w.value(inputOption, "attest.provenance", p.Attest.Provenance)
	if p.Attest.SBOM {
		w.add(inputOption, "attest.sbom", digest("sbom", p.Attest.Scanner))
	}
}

// overrides adds what platform blocks change.
func (w *walk) overrides() {
	for _, platform := range sortedKeys(w.pkg.Overrides) {
		o := w.pkg.Overrides[platform]
		w.args(platform+" ", o.Args)
		w.value(inputTarget, platform, o.Target)
		w.value(inputOption, platform+" network", o.Network)
	}
}

// inputPackages returns the packages that edges make an input, sorted.
func inputPackages(edges []Edge) []string {
	var names []string
	for _, e := range edges {
		if !e.OrderOnly {
			names = append(names, e.To)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Label describes an input in words, paths of files relative to the workspace
// root: "file app/main.go", "arg VERSION". What would not print as it is, such
// as a line break in a file's name, is quoted.
func (in Input) Label(contextDir string) string {
	name := in.Name
	if in.Kind == inputFile {
		name = joinPath(contextDir, name)
	}
	switch {
	case name == "":
		return in.Kind
	case needsQuote(name):
		return in.Kind + " " + strconv.Quote(name)
	}
	return in.Kind + " " + name
}
