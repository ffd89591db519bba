package archtest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	maxFile      = 500 // lines; a sitting
	maxFunction  = 60  // lines; a screen
	maxParams    = 4   // besides the context; a breath
	maxInterface = 12  // methods
)

// calls that have no place in code of a kind; each stands for a rule of CONTRIBUTING.md.
var (
	neverInCode = map[string]string{
		"os.Exit":   "only main ends the process",
		"log.Fatal": "only main ends the process",
		"panic":     "return an error",
	}
	neverInTests = map[string]string{
		"time.Sleep": "wait for what the test needs",
		"t.Skip":     "a test that cannot run fails",
		"t.Skipf":    "a test that cannot run fails",
		"t.SkipNow":  "a test that cannot run fails",
	}
)

// TestStyle holds what a reader can rely on in every file.
func TestStyle(t *testing.T) {
	files := token.NewFileSet()
	for _, root := range []string{"../../internal", "../../cmd", "../../test"} {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return nil // a root that is not there yet
			}
			file, err := parser.ParseFile(files, path, nil, parser.ParseComments|parser.SkipObjectResolution)
			if err != nil {
				t.Error(err)
				return nil
			}
			if !ast.IsGenerated(file) {
				(&reader{t: t, files: files, test: strings.HasSuffix(path, "_test.go"), main: file.Name.Name == "main"}).read(file)
			}
			return nil
		})
	}
}

// A reader reads one file against the rules.
type reader struct {
	t          *testing.T
	files      *token.FileSet
	test, main bool
	bubbles    bool // the file tests in bubbles, where sleeping takes no time and is the way to let time pass
}

func (r *reader) errorf(at token.Pos, format string, args ...any) {
	r.t.Helper()
	position := r.files.Position(at)
	r.t.Errorf("%s:%d: "+format, append([]any{strings.TrimPrefix(position.Filename, "../../"), position.Line}, args...)...)
}

func (r *reader) lines(n ast.Node) int {
	return r.files.Position(n.End()).Line - r.files.Position(n.Pos()).Line + 1
}

func (r *reader) read(file *ast.File) {
	if lines := r.files.Position(file.FileEnd).Line; lines > maxFile && !r.test {
		r.errorf(file.Package, "%d lines, more than %d: is there a noun or a step that wants its own file?", lines, maxFile)
	}
	r.bubbles = slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"testing/synctest"` })
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			r.function(n)
		case *ast.InterfaceType:
			if n.Methods.NumFields() > maxInterface {
				r.errorf(n.Pos(), "an interface of %d methods, more than %d", n.Methods.NumFields(), maxInterface)
			}
		case *ast.CallExpr:
			r.call(n)
		}
		return true
	})
}

func (r *reader) function(f *ast.FuncDecl) {
	if f.Name.Name == "init" && f.Recv == nil {
		r.errorf(f.Pos(), "init: wire it where it is used")
	}
	if lines := r.lines(f); lines > maxFunction && !r.test {
		r.errorf(f.Pos(), "%s has %d lines, more than %d", f.Name.Name, lines, maxFunction)
	}
	params := f.Type.Params.NumFields()
	if params > 0 && isContext(f.Type.Params.List[0].Type) {
		params--
	}
	if params > maxParams && !r.test {
		r.errorf(f.Pos(), "%s takes %d parameters, more than %d: a struct names them", f.Name.Name, params, maxParams)
	}
}

func isContext(t ast.Expr) bool {
	selector, ok := t.(*ast.SelectorExpr)
	return ok && selector.Sel.Name == "Context"
}

func (r *reader) call(c *ast.CallExpr) {
	name := ""
	switch fun := c.Fun.(type) {
	case *ast.Ident:
		name = fun.Name
	case *ast.SelectorExpr:
		if x, ok := fun.X.(*ast.Ident); ok {
			name = x.Name + "." + fun.Sel.Name
		}
	}
	never := neverInCode
	if r.test {
		never = neverInTests
	}
	if why, ok := never[name]; ok && !r.main && !(name == "time.Sleep" && r.bubbles) {
		r.errorf(c.Pos(), "%s: %s", name, why)
	}
}
