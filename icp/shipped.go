package icp

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/sluicehq/sluice/account"
)

//go:embed models/*.yaml
var shipped embed.FS

// Shipped returns the names of the models that come with Sluice, sorted.
func Shipped() []string {
	files, _ := fs.Glob(shipped, "models/*.yaml") // only a bad pattern fails
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = strings.TrimSuffix(path.Base(f), ".yaml")
	}
	return names
}

// Load returns the shipped model of that name; [account.ErrNotFound] if there is
// none.
func Load(name string) (*Model, error) {
	data, err := shipped.ReadFile("models/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("model %q: %w; shipped: %s", name, account.ErrNotFound, strings.Join(Shipped(), ", "))
	}
	return Parse(name+".yaml", data)
}
