package arch_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/stowage-build/stowage"

// mayImport is what the core folders may import of this module.
var mayImport = map[string][]string{
	"schema":   nil,
	"graph":    nil,
	"planner":  {"schema", "graph"},
	"executor": {"planner", "schema", "graph", "executor/schedule"},
}

// outside is what reaches out of a program by the standard library, by import
// path. "*" is all of a package.
var outside = map[string][]string{
	"os": {
		"Args", "Clearenv", "Environ", "Executable", "Exit", "ExpandEnv", "Getenv", "Getwd", "Hostname",
		"LookupEnv", "Setenv", "Stderr", "Stdin", "Stdout", "Unsetenv", "UserCacheDir", "UserHomeDir",
	},
	"fmt":      {"Print", "Printf", "Println", "Scan", "Scanf", "Scanln"},
	"log":      {"*"},
	"log/slog": {"*"},
	"net":      {"*"},
	"net/http": {"*"},
	"os/exec":  {"*"},
	"syscall":  {"*"},
}

// clock is what must come from a caller. Naming time.Now as the default of a
// field that callers set is no breach; calling it is.
var clock = []string{"Now", "Since", "Until"}

// TestCoreFolders parses the folders here, rather than ask the go command,
// whose answers the test cache does not know of.
func TestCoreFolders(t *testing.T) {
	root := os.DirFS("../..")
	for folder := range mayImport {
		files := 0
		err := fs.WalkDir(root, folder, func(name string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if entry.IsDir() && entry.Name() == "testdata" {
				return fs.SkipDir
			}
			if entry.IsDir() || path.Ext(name) != ".go" {
				return nil
			}
			files++
			source, err := fs.ReadFile(root, name)
			if err != nil {
				return err
			}
			found, err := breaches(name, source)
			for _, breach := range found {
				t.Error(breach)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
		if files == 0 {
			t.Errorf("no Go files in %s", folder)
		}
	}
}

// breaches are the lines of a core folder's file that break a rule.
func breaches(name string, source []byte) ([]string, error) {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, name, source, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	c := checker{folder: strings.Split(name, "/")[0], fset: fset, packages: map[string]string{}}
	isTest := strings.HasSuffix(name, "_test.go")
	c.imports(file, isTest && strings.HasSuffix(file.Name.Name, "_test"))
	if !isTest {
		ast.Inspect(file, c.uses)
	}
	return c.found, nil
}

type checker struct {
	folder   string
	fset     *token.FileSet
	packages map[string]string // import path by the name it has in the file
	found    []string
}

func (c *checker) report(at ast.Node, format string, args ...any) {
	c.found = append(c.found, fmt.Sprintf("%s: %s", c.fset.Position(at.Pos()), fmt.Sprintf(format, args...)))
}

// imports checks what the file imports of this module. A test from outside its
// package may have fakes, and adapters to test against.
func (c *checker) imports(file *ast.File, external bool) {
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			c.report(spec, "%v", err)
			continue
		}
		name := path.Base(imported)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		if name == "." {
			c.report(spec, "import of %s into the file's own names", imported)
		}
		c.packages[name] = imported
		own, ok := strings.CutPrefix(imported+"/", module+"/")
		if !ok || slices.Contains(mayImport[c.folder], strings.TrimSuffix(own, "/")) {
			continue
		}
		if external && (strings.HasPrefix(own, "internal/") || own == c.folder+"/") {
			continue
		}
		c.report(spec, "%s must not import %s", c.folder, imported)
	}
}

// uses checks what a node uses of the standard library.
func (c *checker) uses(node ast.Node) bool {
	if call, ok := node.(*ast.CallExpr); ok {
		if imported, name, ok := c.qualified(call.Fun); ok && imported == "time" && slices.Contains(clock, name) {
			c.report(call, "%s must not ask the time itself: time.%s", c.folder, name)
		}
	}
	if imported, name, ok := c.qualified(node); ok {
		if names := outside[imported]; slices.Contains(names, name) || slices.Contains(names, "*") {
			c.report(node, "%s must not use %s.%s", c.folder, imported, name)
		}
	}
	return true
}

// qualified takes a name of another package apart.
func (c *checker) qualified(node ast.Node) (imported, name string, ok bool) {
	selector, ok := node.(*ast.SelectorExpr)
	if !ok {
		return "", "", false
	}
	x, ok := selector.X.(*ast.Ident)
	if !ok {
		return "", "", false
	}
	imported, ok = c.packages[x.Name]
	return imported, selector.Sel.Name, ok
}
