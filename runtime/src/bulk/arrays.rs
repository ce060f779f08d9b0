//! Arrays of garbage-collected objects: how long one may be.

use wasmparser::{CompositeInnerType, ConstExpr, Operator, StorageType, SubType, ValType};

use super::pieces::Pieces;
use super::{BulkError, MAX_ARRAY_BYTES};

/// The array types of a module, and what its constant expressions make of them.
#[derive(Default)]
pub(super) struct Arrays {
    /// Bytes of an element, by the index of the type; none for what is no array.
    element_bytes: Vec<Option<u32>>,
    /// Bytes of all arrays in constant expressions, which are made at one go when the module is instantiated.
    constant_bytes: u64,
}

impl Arrays {
    pub(super) fn add_type(&mut self, ty: &SubType) {
        let bytes = match &ty.composite_type.inner {
            CompositeInnerType::Array(array) => Some(match array.0.element_type {
                StorageType::I8 => 1,
                StorageType::I16 => 2,
                StorageType::Val(ValType::I32 | ValType::F32) => 4,
                StorageType::Val(ValType::I64 | ValType::F64 | ValType::Ref(_)) => 8,
                StorageType::Val(ValType::V128) => 16,
            }),
            _ => None,
        };
        self.element_bytes.push(bytes);
    }

    /// What must stand before an operation: a bound of the length that was pushed last, unless that is known to be small.
    pub(super) fn bound(
        &self,
        operator: &Operator<'_>,
        length: Option<u64>,
    ) -> Result<Option<Pieces>, BulkError> {
        let Some(element_bytes) = self.made(operator)? else { return Ok(None) };
        let most = MAX_ARRAY_BYTES / element_bytes;
        Ok(match length {
            Some(length) if length <= u64::from(most) => None,
            _ => Some(Pieces::Bound { most }),
        })
    }

    /// Adds up what a constant expression makes, of which nothing can be changed.
    pub(super) fn look_through_constant(&mut self, expression: &ConstExpr<'_>) -> Result<(), BulkError> {
        let mut length = None;
        for operator in expression.get_operators_reader() {
            let operator = operator?;
            if let Some(element_bytes) = self.made(&operator)? {
                let length =
                    length.ok_or(BulkError::Unsupported("a constant array has a length that is computed"))?;
                self.constant_bytes += u64::from(element_bytes).saturating_mul(length);
            }
            length = match operator {
                Operator::I32Const { value } => Some(u64::from(value.cast_unsigned())),
                _ => None,
            };
        }
        if self.constant_bytes > u64::from(MAX_ARRAY_BYTES) {
            return Err(BulkError::Unsupported("its constant arrays are too large together"));
        }
        Ok(())
    }

    /// Bytes of an element of what an operation makes; none when it makes no array of any length.
    fn made(&self, operator: &Operator<'_>) -> Result<Option<u32>, BulkError> {
        let (Operator::ArrayNew { array_type_index } | Operator::ArrayNewDefault { array_type_index }) =
            *operator
        else {
            return Ok(None);
        };
        match self.element_bytes.get(array_type_index as usize) {
            Some(&Some(bytes)) => Ok(Some(bytes)),
            _ => Err(BulkError::Unsupported("an array is made of a type that is none")),
        }
    }
}
