// A JSON schema arrives; a value that looks like what it describes leaves, with the names of types where values would stand.

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
}

/** Schemas that hold themselves end here. */
const deepest = 8;

export function example(
  schema: Schema,
  schemas: Readonly<Record<string, Schema>>,
  depth = 0,
): unknown {
  const go = (each: Schema): unknown => example(each, schemas, depth + 1);
  if (depth > deepest) return '...';
  if (schema.$ref !== undefined) {
    const named = schemas[schema.$ref.split('/').at(-1) ?? ''];
    return named === undefined ? '...' : go(named);
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum !== undefined) return schema.enum.join(' | ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return oneOf(choices, go);
  if (schema.allOf !== undefined) return Object.assign({}, ...(schema.allOf.map(go) as object[]));
  if (schema.items !== undefined) return [go(schema.items)];
  if (schema.properties !== undefined) return objectOf(schema, go);
  if (typeof schema.additionalProperties === 'object')
    return { '...': go(schema.additionalProperties) };
  return typeName(schema);
}

function objectOf(schema: Schema, go: (each: Schema) => unknown): object {
  const required = new Set(schema.required);
  return Object.fromEntries(
    Object.entries(schema.properties ?? {}).map(([name, each]) => [
      required.has(name) ? name : `${name}?`,
      go(each),
    ]),
  );
}

/** Null beside one other choice is that choice, which may be null. */
function oneOf(choices: readonly Schema[], go: (each: Schema) => unknown): unknown {
  const real = choices.filter(({ type }) => type !== 'null');
  const shown = real.map(go);
  const canBeNull = real.length < choices.length;
  if (shown.every((each) => typeof each === 'string'))
    return [...shown, ...(canBeNull ? ['null'] : [])].join(' | ');
  return shown[0];
}

function typeName({ type, format }: Schema): string {
  const names = [type ?? 'anything'].flat();
  return names
    .map((name) => (name === 'string' && format !== undefined ? format : name))
    .join(' | ');
}
