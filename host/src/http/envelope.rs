//! The envelope around every JSON answer.

use axum::Json;

use super::Paging;
use crate::api::{Pagination, Success};
use crate::auth::TenantScope;
use crate::store::Page;

/// A successful answer.
pub type Answer<T> = Json<Success<T>>;

/// Data above tenants.
pub fn data<T>(data: T) -> Answer<T> {
    Json(Success { success: true, data, tenant_id: None, pagination: None })
}

/// Data of a tenant.
pub fn in_tenant<T>(scope: &TenantScope, data: T) -> Answer<T> {
    Json(Success { success: true, data, tenant_id: Some(scope.tenant().to_string()), pagination: None })
}

/// A page of a tenant's list.
pub fn page_in_tenant<T>(scope: &TenantScope, paging: &Paging, page: Page<T>) -> Answer<Vec<T>> {
    let Json(answer) = page_of_host(paging, page);
    Json(Success { tenant_id: Some(scope.tenant().to_string()), ..answer })
}

/// A page of a list above tenants.
pub fn page_of_host<T>(paging: &Paging, page: Page<T>) -> Answer<Vec<T>> {
    let pagination = Pagination {
        per_page: paging.limit_u32(),
        has_next: page.next.is_some(),
        cursor: page.next.map(|next| paging.cursor(&next)),
    };
    Json(Success { success: true, data: page.items, tenant_id: None, pagination: Some(pagination) })
}
