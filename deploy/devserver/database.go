package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"strconv"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/server/common/config"
	"go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
	sqliteschema "go.temporal.io/server/schema/sqlite"
)

// openDatabase returns a database that has the schema and the namespaces.
func openDatabase(o options) (*config.SQL, error) {
	namespaces, err := namespaceConfigs(o)
	if err != nil {
		return nil, err
	}
	database := memory()
	if o.dbFile != "" {
		if database, err = file(o.dbFile); err != nil {
			return nil, fmt.Errorf("database %s: %w", o.dbFile, err)
		}
	}
	if err := sqliteschema.CreateNamespaces(database, namespaces...); err != nil {
		return nil, fmt.Errorf("%w: if another release made %s, remove it or choose another file", err, o.dbFile)
	}
	return database, nil
}

func memory() *config.SQL {
	return &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      strconv.Itoa(rand.IntN(1 << 30)),
		ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
	}
}

// file makes the database where there is none. It gets its name when the schema is
// complete, so that an interrupted start leaves no half database.
func file(name string) (*config.SQL, error) {
	if _, err := os.Stat(name); errors.Is(err, fs.ErrNotExist) {
		unfinished := name + ".new"
		if err := os.Remove(unfinished); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := sqliteschema.SetupSchema(sqliteFile(unfinished)); err != nil {
			return nil, err
		}
		if err := os.Rename(unfinished, name); err != nil {
			return nil, err
		}
	}
	return sqliteFile(name), nil
}

func sqliteFile(name string) *config.SQL {
	return &config.SQL{
		PluginName:        sqlite.PluginName,
		DatabaseName:      name,
		ConnectAttributes: map[string]string{"mode": "rwc"},
	}
}

func namespaceConfigs(o options) ([]*sqliteschema.NamespaceConfig, error) {
	attributes := map[string]enumspb.IndexedValueType{}
	for name, kind := range o.attributes {
		value, err := enumspb.IndexedValueTypeFromString(kind)
		if err != nil {
			return nil, fmt.Errorf("--search-attribute %s: %w: types are Keyword, KeywordList, Text, Int, Double, Bool, Datetime", name, err)
		}
		attributes[name] = value
	}
	var all []*sqliteschema.NamespaceConfig
	for _, name := range o.namespaces {
		namespace, err := sqliteschema.NewNamespaceConfig(clusterName, name, false, attributes)
		if err != nil {
			return nil, fmt.Errorf("--search-attribute: %w", err)
		}
		all = append(all, namespace)
	}
	return all, nil
}
