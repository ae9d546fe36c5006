/** Failures as OpenAI's API tells them: a status, and an object `error` in the body. */
import { RunError, UsageError } from "../error.ts";

/** A request that gets no answer. */
export class ApiError extends Error {
  override readonly name: string = "ApiError";

  /**
   * @param status  HTTP status.
   * @param param   Field of the request that is to blame, or null.
   * @param code    For programs, such as `context_length_exceeded`, or null.
   */
  constructor(
    readonly status: number,
    message: string,
    readonly param: string | null = null,
    readonly code: string | null = null,
  ) {
    super(message);
  }
}

/** A field that cannot be used. */
export function badField(param: string, wanted: string, found: unknown): ApiError {
  return new ApiError(400, `Cannot use ${param}: expected ${wanted}, found ${JSON.stringify(found)}`, param);
}

/**
 * What a failure is for the client. Numbers that cannot work together and prompts that do not fit are the request's
 * fault; defects say no more than that they are one.
 */
export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  if (error instanceof UsageError) return new ApiError(400, error.message);
  if (error instanceof RunError) return new ApiError(500, error.message);
  if (error instanceof DOMException && error.name === "AbortError") {
    return new ApiError(503, "Cannot answer: the server is stopping", null, "server_stopping");
  }
  return new ApiError(500, "Cannot answer: this is a defect of rocketkv");
}

/** The body of an error's response, and of an event that ends a stream. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

export function errorBody({ status, message, param, code }: ApiError): ErrorBody {
  const type = status === 429 ? "rate_limit_exceeded" : status >= 500 ? "server_error" : "invalid_request_error";
  return { error: { message, type, param, code } };
}

/** What HTTP wants beside a status. */
const HEADERS: Readonly<Record<number, HeadersInit>> = {
  401: { "www-authenticate": "Bearer" },
  429: { "retry-after": "1" },
};

export function errorResponse(error: ApiError): Response {
  return Response.json(errorBody(error), { status: error.status, headers: HEADERS[error.status] ?? {} });
}
