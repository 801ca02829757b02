package schema

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"maps"
	"path"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// fileFunctions are the functions that depend on the directory of the file
// they are called in. Paths are relative to it and stay in the workspace.
func fileFunctions(s *scope) map[string]function.Function {
	all := map[string]function.Function{
		"file":             s.fileFunc(func(src []byte) string { return string(src) }, true),
		"filebase64":       s.fileFunc(base64.StdEncoding.EncodeToString, false),
		"filemd5":          s.digestFunc(md5.New),
		"filesha1":         s.digestFunc(sha1.New),
		"filesha256":       s.digestFunc(sha256.New),
		"filesha512":       s.digestFunc(sha512.New),
		"filebase64sha256": s.digestBase64Func(),
		"fileexists":       s.fileExistsFunc(),
		"fileset":          s.fileSetFunc(),
		"git_commit":       s.gitFunc(Git.Commit),
		"git_describe":     s.gitFunc(Git.Describe),
		"git_tree":         s.gitTreeFunc(),
	}
	all["templatefile"] = s.templateFileFunc(all)
	return all
}

// mayCallFileFunctions reports whether text can have a call of one of
// fileFunctions in it. Most files have none, and making the functions for
// every directory costs more than looking.
func mayCallFileFunctions(src []byte) bool {
	return bytes.Contains(src, []byte("file")) || bytes.Contains(src, []byte("git_")) || bytes.Contains(src, []byte(`\u`))
}

// open resolves name and reads the file.
func (s *scope) open(name string) ([]byte, error) {
	full, err := resolveInside(s.dir, name)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", name, err)
	}
	src, err := s.env.readLimited(full)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %q; paths are relative to the directory of this file, %q", full, s.dir)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %s", full, cause(err))
	}
	return src, nil
}

func (s *scope) fileFunc(encode func([]byte) string, text bool) function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) {
		src, err := s.open(a[0])
		if err != nil {
			return cty.NilVal, err
		}
		if text && !utf8.Valid(src) {
			return cty.NilVal, fmt.Errorf("%q is not UTF-8 text; use filebase64", a[0])
		}
		return cty.StringVal(encode(src)), nil
	}, "path")
}

// digest hashes a file of any size.
func (s *scope) digest(name string, h hash.Hash) ([]byte, error) {
	full, err := resolveInside(s.dir, name)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %w", name, err)
	}
	info, err := fs.Stat(s.env.fsys, full)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("it is not a regular file")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %s", full, cause(err))
	}
	f, err := s.env.fsys.Open(full)
	if err != nil {
		return nil, fmt.Errorf("cannot read %q: %s", full, cause(err))
	}
	defer f.Close()
	if _, err := io.Copy(h, f); err != nil {
		return nil, fmt.Errorf("cannot read %q: %s", full, cause(err))
	}
	return h.Sum(nil), nil
}

func (s *scope) digestFunc(newHash func() hash.Hash) function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) {
		sum, err := s.digest(a[0], newHash())
		return cty.StringVal(hex.EncodeToString(sum)), err
	}, "path")
}

func (s *scope) digestBase64Func() function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) {
		sum, err := s.digest(a[0], sha256.New())
		return cty.StringVal(base64.StdEncoding.EncodeToString(sum)), err
	}, "path")
}

func (s *scope) fileExistsFunc() function.Function {
	return stringFunc(cty.Bool, func(a []string) (cty.Value, error) {
		full, err := resolveInside(s.dir, a[0])
		if err != nil {
			return cty.False, fmt.Errorf("cannot look for %q: %w", a[0], err)
		}
		info, err := fs.Stat(s.env.fsys, full)
		if errors.Is(err, fs.ErrNotExist) {
			return cty.False, nil
		}
		if err != nil {
			return cty.False, fmt.Errorf("cannot look for %q: %s", full, cause(err))
		}
		return cty.BoolVal(info.Mode().IsRegular()), nil
	}, "path")
}

// fileSetFunc is fileset(path, pattern): the files below path that match, as
// paths relative to it. Symbolic links to directories are not followed.
func (s *scope) fileSetFunc() function.Function {
	returns := cty.Set(cty.String)
	return stringFunc(returns, func(a []string) (cty.Value, error) {
		full, err := resolveInside(s.dir, a[0])
		if err != nil {
			return cty.NilVal, fmt.Errorf("cannot list %q: %w", a[0], err)
		}
		if _, err := resolveInside(full, path.Clean(a[1])); err != nil || !doublestar.ValidatePattern(a[1]) {
			return cty.NilVal, fmt.Errorf("%q is no well-formed glob inside of the workspace", a[1])
		}
		sub, err := fs.Sub(s.env.fsys, full)
		if err != nil {
			return cty.NilVal, fmt.Errorf("cannot list %q: %s", full, cause(err))
		}
		found, err := doublestar.Glob(sub, path.Clean(a[1]), doublestar.WithFilesOnly(), doublestar.WithNoFollow(), doublestar.WithFailOnIOErrors())
		if err != nil {
			return cty.NilVal, fmt.Errorf("cannot list %q: %s", full, cause(err))
		}
		if len(found) == 0 {
			return cty.SetValEmpty(cty.String), nil
		}
		values := make([]cty.Value, len(found))
		for i, f := range found {
			values[i] = cty.StringVal(f)
		}
		return cty.SetVal(values), nil
	}, "path", "pattern")
}

// templateFileFunc is templatefile(path, vars). A template may call every
// function but templatefile.
func (s *scope) templateFileFunc(fileFunctions map[string]function.Function) function.Function {
	fileFunctions = maps.Clone(fileFunctions)
	render := func(args []cty.Value) (cty.Value, error) {
		name := args[0].AsString()
		src, err := s.open(name)
		if err != nil {
			return cty.DynamicVal, err
		}
		if d := checkText(name, src); d != nil {
			return cty.DynamicVal, diagnosticError{d}
		}
		if d := guardText(src, name, start, hclsyntax.LexTemplate); d != nil {
			return cty.DynamicVal, diagnosticError{d}
		}
		template, diags := hclsyntax.ParseTemplate(src, name, start)
		if diags.HasErrors() {
			return cty.DynamicVal, diagnosticError{diags[0]}
		}
		outer := &hcl.EvalContext{Functions: s.env.functions}
		ctx := outer.NewChild()
		ctx.Functions, ctx.Variables = fileFunctions, args[1].AsValueMap()
		v, diags := template.Value(ctx)
		if diags.HasErrors() {
			return cty.DynamicVal, diagnosticError{diags[0]}
		}
		return v, nil
	}
	return function.New(&function.Spec{
		Params: []function.Parameter{{Name: "path", Type: cty.String}, {Name: "vars", Type: cty.DynamicPseudoType}},
		Type: func(args []cty.Value) (cty.Type, error) {
			if t := args[1].Type(); t != cty.DynamicPseudoType && !isMapping(t) {
				return cty.DynamicPseudoType, errors.New("vars is an object")
			}
			return cty.DynamicPseudoType, nil
		},
		Impl: func(args []cty.Value, _ cty.Type) (cty.Value, error) { return render(args) },
	})
}

// diagnosticError is a template's diagnostic as a function's error.
type diagnosticError struct{ *hcl.Diagnostic }

func (e diagnosticError) Error() string {
	return fmt.Sprintf("%s: %s: %s", at(*e.Subject), e.Summary, e.Detail)
}

func (s *scope) gitFunc(ask func(Git) (string, error)) function.Function {
	return function.New(&function.Spec{
		Type: function.StaticReturnType(cty.String),
		Impl: func([]cty.Value, cty.Type) (cty.Value, error) {
			if s.env.git == nil {
				return cty.NilVal, errNoGit
			}
			text, err := ask(s.env.git)
			return cty.StringVal(text), err
		},
	})
}

// gitTreeFunc is git_tree(path): the object id of a directory's tree at HEAD.
func (s *scope) gitTreeFunc() function.Function {
	return stringFunc(cty.String, func(a []string) (cty.Value, error) {
		full, err := resolveInside(s.dir, a[0])
		if err != nil {
			return cty.NilVal, fmt.Errorf("cannot look at %q: %w", a[0], err)
		}
		if s.env.git == nil {
			return cty.NilVal, errNoGit
		}
		id, err := s.env.git.Tree(full)
		return cty.StringVal(id), err
	}, "path")
}

var errNoGit = errors.New("the workspace is in no git repository; guard the call with try(…, \"…\")")
