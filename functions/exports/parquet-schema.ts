/** Columns as Hugging Face's `datasets` knows them, and the same columns as a parquet schema. */
import type { SchemaElement } from "hyparquet-writer";

/** `image` is `{bytes, path}`; a list is written as parquet's three-level LIST. */
export type Feature = "string" | "image" | { list: Feature } | { struct: Record<string, Feature> };
export type Columns = Record<string, Feature>;

const OPTIONAL = { repetition_type: "OPTIONAL" } as const;

function elements(name: string, feature: Feature): SchemaElement[] {
  if (feature === "string")
    return [{ name, ...OPTIONAL, type: "BYTE_ARRAY", converted_type: "UTF8", logical_type: { type: "STRING" } }];
  if (feature === "image") {
    return [
      { name, ...OPTIONAL, num_children: 2 },
      { name: "bytes", ...OPTIONAL, type: "BYTE_ARRAY" },
      ...elements("path", "string"),
    ];
  }
  if ("list" in feature) {
    const list: SchemaElement = {
      name,
      ...OPTIONAL,
      num_children: 1,
      converted_type: "LIST",
      logical_type: { type: "LIST" },
    };
    return [list, { name: "list", repetition_type: "REPEATED", num_children: 1 }, ...elements("element", feature.list)];
  }
  const fields = Object.entries(feature.struct);
  return [
    { name, ...OPTIONAL, num_children: fields.length },
    ...fields.flatMap(([field, inner]) => elements(field, inner)),
  ];
}

/** The parquet schema of the columns, depth first. */
export function parquetSchema(columns: Columns): SchemaElement[] {
  const entries = Object.entries(columns);
  return [
    { name: "schema", num_children: entries.length },
    ...entries.flatMap(([name, feature]) => elements(name, feature)),
  ];
}

/** A feature in the JSON form of `datasets`; a list is an array of its one feature. Read back with datasets 5.0 (2026-11). */
function featureJson(feature: Feature): unknown {
  if (feature === "string") return { dtype: "string", _type: "Value" };
  if (feature === "image") return { _type: "Image" };
  if ("list" in feature) return [featureJson(feature.list)];
  return Object.fromEntries(Object.entries(feature.struct).map(([name, inner]) => [name, featureJson(inner)]));
}

/** The value of the file's `huggingface` metadata: without it an image column would load as a struct of bytes. */
export function huggingFaceMetadata(columns: Columns): string {
  return JSON.stringify({ info: { features: featureJson({ struct: columns }) } });
}

/** True when a column holds images somewhere: such columns get no min/max statistics. */
export function holdsImages(feature: Feature): boolean {
  if (typeof feature === "string") return feature === "image";
  return "list" in feature ? holdsImages(feature.list) : Object.values(feature.struct).some(holdsImages);
}
