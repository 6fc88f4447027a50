// Nothing arrives; the OpenAPI document of all that programs find below /api/v1 leaves, as the hub serves it.

import { verifyRoute } from './areas/forward-auth.ts';
import { openApiDocument } from './operation/document.ts';
import { operations } from './operations.ts';

export function apiDocument(): object {
  return openApiDocument(operations, [verifyRoute]);
}
